// One camera on the page: its canvas, and what is said of it.

import { $, el, icon, setData, setText } from './dom.js';
import { titleOf } from './camera_titles.js';
import { MARK, Watch, WorstAge, isLive } from './camera_observer.js';
import { ageText, barPlace, fpsText, lengthText, timeText } from './words.js';

const MOTION_STAYS = 2000,
  WORDS_AFTER = 300; // ms

export class Tile {
  constructor(camera, now) {
    this.camera = camera;
    this.seen = false; // it can be seen, and is asked for
    this.onScreen = false;
    this.watch = new Watch(now);
    this.worst = new WorstAge();
    this.paused = null; // since when, site time
    this.site = {}; // what the site says of this camera
    this.moved = -Infinity;
    this.broken = null; // the sequence of a picture that could not be decoded
    this.state = '';
    this.#build();
  }

  #build() {
    this.title = titleOf(this.camera);
    this.canvas = el('canvas', {
      width: 16,
      height: 9,
      role: 'img',
      'aria-label': `Picture of ${this.title}`,
    });
    this.over = el('div');
    this.bar = el('div.bar');
    this.badges = el('span.bdg');
    this.age = el('span.age', {}, el('b'), el('i'), el('span.e'));
    this.fps = el('span.fps');
    this.node = el(
      'article.tile',
      { tabindex: -1, 'data-camera': this.camera, draggable: true },
      el('div.pic', {}, this.canvas, this.over),
      this.bar,
      el(
        'div.cap',
        {},
        el(
          'h3',
          { dir: 'auto', title: this.title === this.camera ? null : this.camera },
          this.title,
        ),
        this.badges,
        this.fps,
        this.age,
      ),
    );
  }

  /** What the site says of this camera, its pace included. */
  told(said) {
    this.site = this.watch.pace = said;
  }

  /** It came into sight, or went out of it. */
  see(seen, now) {
    if (seen && !this.seen) {
      this.watch.ask(now);
      this.worst.forget();
      this.broken = null;
    }
    this.seen = seen;
  }

  /** Pictures of this camera were painted. */
  painted(picture) {
    this.watch.arrived(picture);
    this.broken = null;
    this.size = picture.size;
    this.sequence = picture.sequence;
  }

  /** What it shows now. `site`: the site's time, ms. Returns a sentence if the state has changed. */
  show({ now, site, connected, lost, brokerAway }) {
    const look = this.watch.look(now, connected, this.site.state);
    const state = this.paused === null ? look.state : 'paused';
    this.look = look;
    setData(this.node, 'sequence', this.sequence === undefined ? null : String(this.sequence));
    if (this.site.moving && isLive(state)) this.moved = now;
    setData(this.node, 'motion', isLive(state) && now - this.moved < MOTION_STAYS ? '' : null);
    setData(this.node, 'state', state === 'paused' ? 'stale' : state);
    const why = lost
      ? 'this page lost the server'
      : brokerAway
        ? 'the broker does not answer'
        : this.site.trouble || '';
    this.#age(look, state, now);
    this.#overlay(look, state, now, site, why);
    this.#badges(state);
    setText(this.fps, isLive(state) ? fpsText(look.fps) : '');
    return this.#name(state, look, site);
  }

  get isLive() {
    return this.seen ? this.paused === null && isLive(this.look?.state) : isLive(this.site.state);
  }

  #age(look, state, now) {
    const [b, i, e] = this.age.children;
    const put = (value, unit, error, warn) => {
      setText(b, value);
      setText(i, unit);
      setText(e, error);
      b.className = warn ? 'warn' : '';
    };
    if (state === 'offline' || look.since === null) {
      put('', 'no picture', '', false);
      this.#bar(10, 10);
      return;
    }
    if (!isLive(state)) {
      this.worst.forget();
      if (look.age === null) put('age unknown', '', '', true);
      else put(lengthText(look.age), '', 'old', state !== 'ended');
      this.#bar(this.watch.stale, this.watch.stale);
      return;
    }
    this.worst.note(now, look.age, look.error);
    if (!this.worst.shown) {
      put('age unknown', '', '', true);
      this.#bar(10, 10);
      return;
    }
    const [worst, error] = this.worst.shown;
    put(...ageText(worst, error), state === 'late');
    this.#bar(worst - error, worst + error);
  }

  #bar(low, high) {
    const { late, stale } = this.watch;
    const places = [low, high, late].map(ms => barPlace(ms, stale));
    if (places.join() === this.places) return;
    this.places = places.join();
    ['--lo', '--hi', '--late'].forEach((name, at) => this.bar.style.setProperty(name, places[at]));
  }

  #overlay(look, state, now, site, why) {
    const [kind, name, sentence, detail] = this.#words(look, state, now, site, why);
    const key = [kind, name, sentence, detail].join('|');
    if (key === this.overlay) return;
    this.overlay = key;
    if (!kind) {
      this.over.className = '';
      this.over.replaceChildren();
      return;
    }
    const lines = [
      el('div.k', {}, icon({ ...MARK, paused: 'pause', broken: 'warn' }[kind]), name),
      el('div.s', {}, sentence),
      detail ? el('div.x', {}, detail) : null,
    ];
    const plate =
      ['stale', 'paused', 'broken', 'ended'].includes(kind) &&
      (kind !== 'ended' || look.since !== null);
    this.over.className = plate
      ? kind === 'ended'
        ? 'plate quiet'
        : 'plate'
      : kind === 'offline'
        ? 'void'
        : 'void quiet';
    this.over.replaceChildren(
      ...(plate ? [el('div', {}, ...lines.filter(Boolean))] : lines.filter(Boolean)),
    );
  }

  #words(look, state, now, site, why) {
    if (state === 'waiting') {
      if (now - this.watch.asked < WORDS_AFTER && !why) return [];
      const until = this.watch.offline - look.quiet;
      return [
        'waiting',
        'Waiting',
        'No picture yet',
        why ||
          (Number.isFinite(until)
            ? `offline if none comes until ${timeText(site + until, site)}`
            : ''),
      ];
    }
    if (state === 'offline') {
      return [
        'offline',
        'Offline',
        look.since === null ? 'No picture came' : `since ${timeText(look.since, site)}`,
        why,
      ];
    }
    if (state === 'ended')
      return [
        'ended',
        'Ended',
        look.since === null ? 'No picture came' : `since ${timeText(look.since, site)}`,
        'its source is over',
      ];
    if (state === 'paused') return ['paused', 'Paused', `since ${timeText(this.paused, site)}`, ''];
    if (state === 'stale') return ['stale', 'Stale', `since ${timeText(look.since, site)}`, why];
    if (this.broken !== null)
      return ['broken', 'Not a picture', `Frame ${this.broken}`, 'its JPEG cannot be decoded'];
    return [];
  }

  #badges(state) {
    const shown = [];
    if (state === 'late') shown.push(['warn', 'late', '', 'Late']);
    if (this.site.lost) shown.push(['bad', 'lost', String(this.site.lost), 'lost']);
    if ('motion' in this.node.dataset) shown.push(['note', 'motion', '', 'Motion']);
    const two = shown.sort((a, b) => ORDER.indexOf(a[1]) - ORDER.indexOf(b[1])).slice(0, 2),
      key = two.join('|');
    if (key === this.badgeKey) return;
    this.badgeKey = key;
    this.badges.replaceChildren(
      ...two.map(([tone, name, number, word]) =>
        el(
          `span.bd.${tone}`,
          { title: `${number} ${word}`.trim() },
          icon(name),
          number ? el('em', {}, number) : null,
          el('span', {}, word),
        ),
      ),
    );
  }

  /** For those who cannot see it; changed on a change of the state only. */
  #name(state, look, site) {
    if (state === this.state) return null;
    const before = this.state;
    this.state = state;
    const since =
      look.since === null || isLive(state) || state === 'waiting'
        ? ''
        : ` since ${timeText(look.since, site)}`;
    const word = { waiting: 'no picture yet' }[state] ?? state;
    this.node.setAttribute('aria-label', `${this.title}, ${word}${since}`);
    return before && state !== 'waiting' && before !== 'waiting'
      ? `${this.title} is ${word}${since}`
      : null;
  }
}

const ORDER = ['off', 'lost', 'late', 'motion'];
export const pictureOf = tile => $('.pic', tile.node);
