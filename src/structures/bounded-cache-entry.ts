import { inflateRawSync } from 'node:zlib';

/** How what is compressed becomes the value again. A text is packed as V8 has it, so that any text comes back as it was. */
export type Packing = 'buffer' | 'latin1' | 'utf16le';

/** What a cache keeps under a key. */
export class Entry<Value> {
  /** What is charged for it. */
  bytes: number;
  /** What it takes uncompressed, as `sizeOf` says. */
  readonly plainBytes: number;
  /** Whether compressing it may be worth it: not, once it was tried in vain. */
  mayShrink = true;
  private packing: Packing | undefined = undefined;
  private content: Value | Buffer;

  constructor(value: Value, bytes: number) {
    this.content = value;
    this.bytes = bytes;
    this.plainBytes = bytes;
  }

  get isPacked(): boolean {
    return this.packing !== undefined;
  }

  /** The value; while it is compressed, a new copy of it each time. */
  get value(): Value {
    const { content, packing } = this;
    // It holds a `Value` unless it is packed, and what was packed was one.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return (packing === undefined ? content : unpacked(content as Buffer, packing)) as Value;
  }

  pack(packed: Buffer, packing: Packing, bytes: number): void {
    this.content = packed;
    this.packing = packing;
    this.bytes = bytes;
  }

  unpack(value: Value): void {
    this.content = value;
    this.packing = undefined;
    this.bytes = this.plainBytes;
  }
}

function unpacked(packed: Buffer, packing: Packing): Buffer | string {
  const plain = inflateRawSync(packed);
  return packing === 'buffer' ? plain : plain.toString(packing);
}
