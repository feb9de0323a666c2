// The WebSocket to the server: opened again whenever it is lost, and when the server is silent.

import { epoch } from './epoch.js';

/** @typedef {{ code: number, reason: string, heard: number, next: number }} Loss */
/**
 * @typedef {object} Events
 * @property {() => void} opened
 * @property {(message: any) => void} said one JSON message of the server
 * @property {(message: ArrayBuffer, isCurrent: () => boolean) => void} frame
 * @property {(loss: Loss) => void} lost
 */

// The server sends something each second. After a silence it is asked whether it runs: a large
// frame on a slow link may be all that is late. Without an answer the server hangs or is gone.
const SILENCE = 2500; // ms
const ANSWER = 2000; // ms
const SILENCE_WITH_ANSWERS = 30000; // ms
const CHECK_EVERY = 500; // ms
const RETRY = [200, 400, 600, 800]; // ms; the last one again and again

export class ServerConnection {
  /** @param {Events} events */
  constructor(events) {
    this.events = events;
    this.url = '';
    /** @type {WebSocket | null} */
    this.socket = null;
    this.attempts = 0;
    this.retryTimer = 0;
    this.heard = 0; // the last message
    this.openedAt = 0;
    this.answered = 0; // the last answer to the question whether it runs
    this.asking = false;
    setInterval(() => this.#checkSilence(), CHECK_EVERY);
  }

  /** @param {string} url */
  start(url) {
    this.url = url;
    this.#open();
  }

  /** Try again at once, if it is not connected. */
  retry() {
    if (this.socket) return;
    this.attempts = 0;
    this.#open();
  }

  /** The server has accepted the connection. */
  accepted() {
    this.attempts = 0;
  }

  get isOpen() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  /** @param {object} message dropped without a connection */
  say(message) {
    if (this.isOpen) this.socket?.send(JSON.stringify(message));
  }

  /** @param {Uint8Array<ArrayBuffer>} message dropped without a connection */
  sendBytes(message) {
    if (this.isOpen) this.socket?.send(message);
  }

  #open() {
    clearTimeout(this.retryTimer);
    if (this.socket || !this.url) return;
    const socket = new WebSocket(this.url);
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    this.openedAt = epoch();
    const isCurrent = () => socket === this.socket;
    socket.onopen = () => {
      this.heard = epoch();
      this.events.opened();
    };
    socket.onmessage = ({ data }) => {
      if (!isCurrent()) return;
      this.heard = epoch();
      if (typeof data === 'string') this.events.said(JSON.parse(data));
      else this.events.frame(data, isCurrent);
    };
    socket.onclose = ({ code, reason }) => {
      if (isCurrent()) this.#lost(code, reason);
    };
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #lost(code, reason) {
    const last = this.socket;
    this.socket = null;
    if (last) {
      last.onclose = last.onmessage = null;
      last.close();
    }
    const wait = RETRY[Math.min(this.attempts++, RETRY.length - 1)];
    this.events.lost({ code, reason, heard: this.heard, next: epoch() + wait });
    this.retryTimer = setTimeout(() => this.#open(), wait);
  }

  async #checkSilence() {
    const { socket } = this;
    const silence = () => epoch() - Math.max(this.heard, this.openedAt);
    if (!socket || this.asking) return;
    if (Math.min(silence(), epoch() - this.answered) < SILENCE) return;
    this.asking = true;
    const runs = silence() < SILENCE_WITH_ANSWERS && (await serverRuns());
    this.asking = false;
    if (runs) this.answered = epoch();
    else if (socket === this.socket && silence() >= SILENCE) this.#lost(0, 'silent');
  }
}

async function serverRuns() {
  try {
    const signal = AbortSignal.timeout(ANSWER);
    return (await fetch('/healthz', { cache: 'no-store', signal })).ok;
  } catch {
    return false;
  }
}
