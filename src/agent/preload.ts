/** `node --import memtool/agent app.js`: an agent for an application that does not use the library. */
import { startAgent } from './start.ts';

startAgent();
