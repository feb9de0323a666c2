// The login page.

import { $, input, loadIcons, setText } from './dom.js';

const TIMEOUT = 15000; // ms: the server verifies one password after the other

/** Where the user wanted to go; never another server. */
function target() {
  const to = new URLSearchParams(location.search).get('to') ?? '/live';
  try {
    const url = new URL(to, location.origin);
    return url.origin === location.origin ? url.href : '/live';
  } catch {
    return '/live';
  }
}

/** @param {SubmitEvent} event */
async function submit(event) {
  event.preventDefault();
  /** @type {HTMLButtonElement} */
  const button = $('.btn.main');
  button.disabled = true;
  try {
    const answer = await logIn();
    if (answer.ok) location.replace(target());
    else showError(await errorOf(answer));
  } catch {
    showError('The server does not answer. Try again.');
  } finally {
    button.disabled = false;
  }
}

function logIn() {
  /** @type {Server.Credentials} */
  const body = { name: input('#name').value, password: input('#password').value };
  return fetch('/api/login', {
    method: 'POST',
    signal: AbortSignal.timeout(TIMEOUT),
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
}

/** @param {Response} answer */
async function errorOf(answer) {
  const text = await answer.text();
  try {
    return /** @type {Server.LoginRefusal} */ (JSON.parse(text)).error;
  } catch {
    return text; // it is a sentence already
  }
}

/** @param {string} text */
function showError(text) {
  const error = $('#err');
  const password = input('#password');
  error.hidden = false;
  setText($('span', error), text);
  password.setAttribute('aria-invalid', 'true');
  password.select();
  password.focus();
}

/** @param {MouseEvent} event */
function togglePassword(event) {
  const password = input('#password');
  const shown = password.type === 'text';
  password.type = shown ? 'password' : 'text';
  /** @type {HTMLElement} */ (event.currentTarget).setAttribute('aria-pressed', String(!shown));
}

loadIcons();
$('form').addEventListener('submit', submit);
$('#show').addEventListener('click', togglePassword);
