/** What freed bytes are filled with: unlikely as text, as a length or as a pointer. */
const POISON = 0xdb;

export function fillPoison(bytes: Uint8Array): void {
  bytes.fill(POISON);
}

/** Index of the first byte that is no longer poison, or -1. */
export function firstChange(bytes: Uint8Array): number {
  return bytes.findIndex((byte) => byte !== POISON);
}
