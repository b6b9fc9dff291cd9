import type { Drawing, Sharing } from './sharing.ts';
import type { SharedAccount } from './shared-account.ts';

/** What a thread draws beyond its need, so that not every request must ask. */
const HEADROOM_BYTES: number = 64 * 1024;
/** Without a limit nobody misses it, unless it gets one. */
const HEADROOM_BYTES_UNLIMITED: number = 16 * 1024 * 1024;

/** The account whose share it is. */
export interface ShareHolder {
  /** Charged by this thread. */
  readonly ownBytes: number;
  /** What is drawn has changed. */
  setTripwire(): void;
  settleLevel(): void;
  /** A turn ends: what others keep of it in advance comes back. */
  dropIdle?(): void;
}

/**
 * What one thread has drawn of an account that several share. While its turn of the event loop lasts it holds at most 128
 * KiB more than it has charged, near the limit less; afterwards nothing.
 */
export class Share implements Drawing {
  readonly account: SharedAccount;
  /** Never less than what is charged, but for a moment while a record comes from another thread. */
  drawnBytes = 0;
  /** Whether it gives back when this turn ends. */
  isTurnKnown = false;
  private readonly holder: ShareHolder;
  private readonly sharing: Sharing;

  /** Enters the account with what is charged already, whatever the limit. */
  constructor(sharing: Sharing, account: SharedAccount, holder: ShareHolder) {
    this.account = account;
    this.holder = holder;
    this.sharing = sharing;
    this.drawnBytes = account.draw(holder.ownBytes, 0, 0, true);
  }

  /**
   * Draws so that `bytes` more can be charged.
   *
   * @param ceilingBytes headroom stays below this of the whole account
   */
  raise(bytes: number, ceilingBytes: number): boolean {
    // As a pool's headroom, so the manager's.
    if (this.account !== this.sharing.manager) this.sharing.headroom?.heed();
    // What was drawn before the limit was lowered is not to be had under the new one.
    if (this.isDraining) this.lower(0);
    const need = this.holder.ownBytes + bytes - this.drawnBytes;
    if (need <= 0) return true;
    const drawn = this.account.draw(need, this.headroomBytes, ceilingBytes);
    if (drawn < 0) return false;
    this.drawnBytes += drawn;
    this.noteTurn();
    return true;
  }

  /** Below this much charged, `settle` is due. */
  get floorBytes(): number {
    if (this.isDraining) return Infinity;
    return this.isTurnKnown ? this.drawnBytes - 2 * this.headroomBytes : this.holder.ownBytes;
  }

  /** Gives back what was freed, but for a little. */
  settle(): void {
    this.noteTurn();
    if (this.sharing.isGranting) return;
    const kept = this.isDraining ? 0 : this.headroomBytes;
    this.lower(Math.max(0, Math.min(kept, this.drawnBytes - this.holder.ownBytes)));
  }

  endTurn(): void {
    this.isTurnKnown = false;
    this.holder.dropIdle?.();
    this.lower(0);
    this.holder.settleLevel();
  }

  /** Gives back all but `headroomBytes`. */
  lower(headroomBytes: number): void {
    const spare = this.drawnBytes - this.holder.ownBytes - headroomBytes;
    if (spare <= 0) return;
    // Lowered here before it is given back there: what is given back may be charged by another thread at once.
    this.drawnBytes -= spare;
    this.holder.setTripwire();
    this.account.giveBack(spare);
  }

  private noteTurn(): void {
    if (this.isTurnKnown) return;
    this.isTurnKnown = true;
    this.sharing.untilEndOfTurn(this);
  }

  /** Its limit was lowered below what is drawn. */
  get isDraining(): boolean {
    return this.account.drawnBytes > this.account.limitBytes;
  }

  private get headroomBytes(): number {
    return this.account.limitBytes === Infinity ? HEADROOM_BYTES_UNLIMITED : HEADROOM_BYTES;
  }
}
