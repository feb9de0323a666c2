// The site page: what is wrong first, then every camera, node and page in figures.

import { $, api, el, icon, setText, update } from './dom.js';
import { lately } from './event_list.js';
import { learn, matches, titleOf } from './camera_titles.js';
import { settings } from './camera_settings.js';
import * as shell from './shell.js';
import { MARK, RANK, TONE, isLive, isNormal } from './camera_observer.js';
import { UNKNOWN, ageText, bytesText, countText, fpsText, lengthText, timeText } from './words.js';

const EVERY = 2000,
  PATIENCE = 3000; // ms
let role = 'viewer',
  lostAt = null,
  clock = null,
  site = null;

const known = value =>
  value === null || value === undefined ? el('span.dim', {}, UNKNOWN) : value;
const word = (text, tone, mark) =>
  el(`span.bd${tone ? `.${tone}` : ''}`, {}, mark ? icon(mark) : null, el('span', {}, text));

/** Each row is its key, by which it is found again, and its cells. */
function table(node, head, rows, empty) {
  if (!rows.length) {
    update(node, el('tbody', {}, el('tr', {}, el('td.soft', {}, empty))));
    return;
  }
  const cell = (tag, [content, kind = '']) =>
    el(`${tag}${kind}`, tag === 'th' ? { scope: 'col' } : {}, content);
  update(
    node,
    el('thead', {}, el('tr', {}, ...head.map(one => cell('th', one)))),
    el(
      'tbody',
      {},
      ...rows.map(([key, ...row]) =>
        el('tr', { 'data-key': key }, ...row.map(one => cell('td', one))),
      ),
    ),
  );
}

function cameras(every) {
  const all = every.filter(one => matches(one.name, $('#find').value));
  const sorted = [...all].sort(
    (a, b) => RANK.indexOf(a.state) - RANK.indexOf(b.state) || a.name.localeCompare(b.name),
  );
  const head = [
    ['Camera'],
    ['State'],
    ['Rate', '.num.desk'],
    ['Age', '.num'],
    ['Lost', '.num'],
    ['Recorded', '.desk'],
    ['Last trouble', '.desk'],
  ];
  if (role !== 'viewer') head.push([el('span.vh', {}, 'Set'), '.desk']);
  table(
    $('#cameras'),
    head,
    sorted.map(one => {
      const row = [
        one.name,
        [
          el(
            'span',
            {},
            el(
              'a',
              { href: `/live#${encodeURIComponent(one.name)}` },
              el('b', {}, el('bdi', {}, one.title)),
            ),
            one.title === one.name ? null : el('span.soft', {}, ` ${one.name}`),
          ),
        ],
        [word(one.state, TONE[one.state], MARK[one.state])],
        [known(fpsText(one.fps) || null), '.num.desk'],
        [
          one.age_ms === null
            ? known(null)
            : isLive(one.state)
              ? ageText(one.age_ms, one.age_error_ms).join(' ').trim()
              : `${lengthText(one.age_ms)} old`,
          '.num',
        ],
        [
          one.lost === null
            ? known(null)
            : el(one.lost ? 'b.bad' : 'span.dim', {}, countText(one.lost)),
          '.num',
        ],
        [
          one.recorded_until
            ? `until ${timeText(one.recorded_until)}`
            : one.recorders
              ? 'not yet'
              : el('span.dim', {}, 'by nobody'),
          '.desk',
        ],
        [
          el('span.soft', {}, [one.lost_where, one.trouble].filter(Boolean).join('; ')),
          '.desk.why',
        ],
      ];
      if (role !== 'viewer')
        row.push([
          el(
            'button.btn.small.plain',
            {
              'aria-label': `Set ${one.title}`,
              onclick: () => settings(one.name, titleOf(one.name)),
            },
            'Set',
          ),
          '.desk',
        ]);
      return row;
    }),
    every.length
      ? `No camera has “${$('#find').value.trim()}” in its name or title.`
      : 'You may see no camera of this site.',
  );
}

function nodes(all) {
  table(
    $('#nodes'),
    [
      ['Node'],
      ['Kind', '.desk'],
      ['Host', '.desk'],
      ['State'],
      ['Warm', '.num.desk'],
      ['Memory', '.num.desk'],
      ['Up', '.num.desk'],
      ['Says', '.desk'],
    ],
    all.map(one => {
      const heat = one.machine?.temperature_c ?? null,
        hot = heat !== null && heat >= 80;
      return [
        one.name,
        [el('b', {}, one.name)],
        [one.kind, '.desk.soft'],
        [one.host || UNKNOWN, '.desk.soft'],
        [word(one.state, one.well ? '' : 'warn', one.well ? '' : 'warn')],
        [
          heat === null ? known(null) : el(hot ? 'b.bad' : 'span', {}, `${heat.toFixed(0)} °C`),
          '.num.desk',
        ],
        [bytesText(one.memory_bytes), '.num.desk'],
        [one.uptime_s === null ? known(null) : lengthText(one.uptime_s * 1000), '.num.desk'],
        [el('span.soft', {}, one.message), '.desk.why'],
      ];
    }),
    'No node was heard yet.',
  );
}

function clients(all) {
  table(
    $('#clients'),
    [
      ['Who'],
      ['From', '.desk'],
      ['Open', '.num.desk'],
      ['Cameras', '.num'],
      ['Sent', '.num.desk'],
      ['Skipped', '.num.desk'],
      ['Under way', '.num.desk'],
      ['Age at painting', '.num'],
    ],
    all.map(one => [
      one.number,
      [el('b', {}, one.user)],
      [one.address, '.desk.soft'],
      [lengthText(one.open_s * 1000), '.num.desk'],
      [String(one.tiles), '.num'],
      [`${countText(one.sent)}, ${bytesText(one.sent_bytes)}`, '.num.desk'],
      [countText(one.skipped), '.num.desk'],
      [`${one.under_way} of ${one.window}`, '.num.desk'],
      [
        one.age_p95_ms === null
          ? known(null)
          : `${Math.round(one.age_p50_ms)} ms, p95 ${Math.round(one.age_p95_ms)} ms`,
        '.num',
      ],
    ]),
    'No page with pictures is open.',
  );
}

function hops(all) {
  $('#hops-part').hidden = !all.length;
  update(
    $('#hops'),
    ...all.map((hop, at) =>
      el(
        'li',
        {},
        el('div.nm', {}, hop.name),
        el('div.ct', {}, countText(hop.frames)),
        el('span.wire'),
        at === all.length - 1
          ? null
          : el(
              `div.drop${hop.lost ? '.d-bad' : ''}`,
              {},
              hop.lost ? el('b.bad', {}, `${countText(hop.lost)} lost`) : null,
              hop.lost ? hop.why : hop.lost === null ? UNKNOWN : 'none lost',
            ),
      ),
    ),
  );
}

function readers({ readers: all, hops: passed, connected }) {
  $('#readers-part').hidden = !passed.length;
  const counted = (number, tone) =>
    number === null
      ? known(null)
      : el(number && tone ? `b.${tone}` : number ? 'span' : 'span.dim', {}, countText(number));
  table(
    $('#readers'),
    [
      ['Reader'],
      ['Mode', '.desk'],
      ['Delivered', '.num'],
      ['Skipped', '.num'],
      ['Lost', '.num'],
      ['Held', '.num.desk'],
      ['Why', '.desk'],
    ],
    all.map(one => [
      one.name,
      [el('b', {}, one.name)],
      [one.mode, '.desk.soft'],
      [counted(one.delivered), '.num'],
      [counted(one.skipped), '.num'],
      [counted(one.lost, 'bad'), '.num'],
      [counted(one.held), '.num.desk'],
      [el('span.soft', {}, reasons(one)), '.desk.why'],
    ]),
    connected ? 'Nobody reads frames now.' : 'The broker has said nothing yet.',
  );
}

const reasons = one =>
  [one.skipped_why && `skipped: ${one.skipped_why}`, one.lost_why && `lost: ${one.lost_why}`]
    .filter(Boolean)
    .join('; ');

function recorders(all) {
  const found = all.filter(one => one.kind === 'recorder');
  update(
    $('#recorders'),
    ...found.flatMap(one => [
      el('h2', {}, one.name, el('span', {}, 'recorder')),
      el(`p.big.pad${one.well ? '' : '.bad'}`, {}, one.state),
      el('p.soft', {}, one.message || writtenText(one.recorder)),
    ]),
  );
}

function writtenText(recorder) {
  if (recorder === null) return 'It has not reported yet.';
  const cameras = Object.values(recorder.cameras),
    sum = key => cameras.reduce((total, one) => total + one[key], 0);
  return `${bytesText(recorder.disk_free_bytes)} free; ${countText(sum('frames'))} frames, ${bytesText(sum('bytes'))} written since it started.`;
}

function todo(needs, { connected, sentence, cameras: all }) {
  const well = all.every(one => isNormal(one.state));
  update(
    $('#todo'),
    ...needs.map(text =>
      el('li', {}, icon('warn', 'warn'), el('div', {}, el('b', {}, `${text}.`))),
    ),
  );
  const heading = needs.length
    ? needs.length === 1
      ? '1 thing needs you'
      : `${needs.length} things need you`
    : !connected
      ? 'The broker does not answer'
      : well
        ? 'All is well'
        : sentence;
  setText($('h1'), heading);
  document.title = shell.pageTitle(heading);
  shell.needs(needs.length);
  return heading;
}

async function refresh() {
  try {
    const asked = Date.now(),
      [status, pages, events] = await Promise.all(
        ['/api/status', '/api/clients', '/api/events?limit=20'].map(path =>
          api(path, { signal: AbortSignal.timeout(PATIENCE) }),
        ),
      ),
      took = Date.now() - asked;
    site = status;
    learn(Object.fromEntries(site.cameras.map(one => [one.name, one.title])));
    lostAt = null;
    clock =
      site.time_error === null
        ? null
        : { offset: site.time - asked - took / 2, error: took / 2 + site.time_error };
    $('#banner').hidden = true;
    $('#site').hidden = false;
    const heading = todo(site.needs, site);
    update(
      $('.sum'),
      el('li', {}, el('b', {}, String(site.nodes.length)), 'nodes'),
      ...(heading === site.sentence ? [] : [el('li', {}, site.sentence)]),
      el('li.desk', {}, `camfan ${site.camfan}`),
    );
    hops(site.hops);
    readers(site);
    cameras(site.cameras);
    nodes(site.nodes);
    clients(pages.clients);
    recorders(site.nodes);
    update($('#lately-list'), ...lately(events.events, site.time));
  } catch (error) {
    lostAt ??= Date.now();
    clock = null;
    $('#banner').hidden = false;
    setText($('#banner b'), `This page lost the server at ${timeText(lostAt)}.`);
    setText($('#banner .soft'), `${error.message} Every figure here is of that time.`);
    setText($('h1'), 'The server does not answer');
    document.title = shell.pageTitle('The server does not answer');
  }
}

async function turn() {
  if (!document.hidden) await refresh();
  setTimeout(turn, EVERY);
}

$('#find').addEventListener('input', () => {
  if (site) cameras(site.cameras);
});
$('#find').addEventListener('keydown', event => {
  if (event.key === 'Escape') {
    event.target.value = '';
    if (site) cameras(site.cameras);
    event.target.blur();
  } else if (event.key === 'Enter') $('#cameras tbody :is(button,a)')?.focus();
});

setInterval(() => shell.clock(Date.now() + (clock?.offset ?? 0), clock?.error ?? null), 500);
shell.start();
shell.onKey('/', () => $('#find').focus());
shell
  .me()
  .then(one => {
    role = one.role;
  })
  .catch(() => {})
  .finally(turn);
