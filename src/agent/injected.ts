/** What is evaluated in the main thread of a process that is attached to. Bundled as text: see inspect/attach/. */
export { startAgent } from './start.ts';
