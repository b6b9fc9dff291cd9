/** FNV-1a, 32 bits: whatever one byte becomes, the sum is another. `zlib.crc32` is not there before Node 22. */
export function checksum(bytes: Uint8Array): number {
  let sum = 0x811c9dc5;
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x01000193);
  return sum >>> 0;
}
