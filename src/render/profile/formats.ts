/** All that `memtool profile` draws. In dist/ it is a file of its own, so that no other command reads it. */
export { renderFlamegraph } from './flamegraph.ts';
export { renderHeapprofile } from './heapprofile.ts';
export { liveBytesOf, withoutMarks } from './live-profile.ts';
export { encodePprof } from './pprof.ts';
export { renderProfile } from './summary.ts';
