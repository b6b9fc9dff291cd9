/** All that `memtool doctor` computes and draws. In dist/ it is a file of its own, so that no other command reads it. */
export { renderDoctor } from '../render/doctor.ts';
export { diagnose } from './diagnose.ts';
export { ended } from './rules/ended.ts';
