import type { HeapProfile } from '../../report/profile.ts';

/** Chrome DevTools' `.heapprofile`, which is the profile as the DevTools protocol has it; speedscope reads it, too. */
export function renderHeapprofile(profile: HeapProfile): string {
  return JSON.stringify(profile);
}
