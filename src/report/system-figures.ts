/** What the kernel tells of a process and of the machine beside what it uses. */
export interface SystemFigures {
  threads: number | null;
  swapBytes: number | null;
  /** 0 to 2000; the process with the most is killed first when the machine runs out of memory. */
  oomScore: number | null;
  /** Separate heaps that glibc's malloc has made for threads, which keep what was freed in them. */
  mallocArenas: number;
  /** Another malloc than that of the system, by its library's name. */
  allocator: string | null;
  /** Native add-ons that are loaded, by the names of their files. */
  addons: string[];
  machine: { totalBytes: number; availableBytes: number } | null;
}
