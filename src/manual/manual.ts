/** What is only for who wants to be told how: in dist/ a file of its own, so that no other command reads it. */
export { bashCompletion } from './completion/bash.ts';
export { fishCompletion } from './completion/fish.ts';
export { zshCompletion } from './completion/zsh.ts';
export { renderHelp } from './help.ts';
export { manPage } from './man-page.ts';
