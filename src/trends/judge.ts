/** All that `memtool report` computes and draws. In dist/ it is a file of its own, so that no other command reads it. */
export { renderTrendPage } from '../render/trends/page.ts';
export { renderTrends } from '../render/trends/trends.ts';
export { differencesOf } from './difference.ts';
export { plotsOf } from './plots.ts';
export { judgeRecording } from './trends.ts';
