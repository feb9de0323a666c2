// Tells the server which frames were painted: a count, in two bytes.
//
// Several frames at once where they are frequent, because each message costs as much as a frame.

const AFTER = 25; // ms
const FREQUENT = 3; // frames in one message from which on
const AFTER_FREQUENT = 50; // ms

export class Acknowledgements {
  /** @param {(message: Uint8Array<ArrayBuffer>) => void} send drops the message without a connection */
  constructor(send) {
    this.send = send;
    this.count = 0;
    this.lastCount = 0;
    /** @type {ReturnType<typeof setTimeout> | 0} */
    this.timer = 0;
  }

  add() {
    this.count++;
    if (this.timer) return;
    const after = this.lastCount < FREQUENT ? AFTER : AFTER_FREQUENT;
    this.timer = setTimeout(() => this.#flush(), after);
  }

  /** The connection has ended: its frames need no acknowledgement. */
  reset() {
    this.count = 0;
  }

  #flush() {
    const { count } = this;
    this.timer = 0;
    this.lastCount = count;
    this.count = 0;
    if (count) this.send(new Uint8Array([count & 255, count >> 8]));
  }
}
