// The login page.

import { $, setText } from './dom.js';

const form = $('form'),
  error = $('#err'),
  password = $('#password');

/** Where one wanted to go; never another server. */
function target() {
  const to = new URLSearchParams(location.search).get('to') ?? '/live';
  try {
    const url = new URL(to, location.origin);
    return url.origin === location.origin ? url.href : '/live';
  } catch {
    return '/live';
  }
}

form.addEventListener('submit', async event => {
  event.preventDefault();
  const button = $('.btn.main');
  button.disabled = true;
  try {
    const answer = await fetch('/api/login', {
      method: 'POST',
      signal: AbortSignal.timeout(15000),
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ name: $('#name').value, password: password.value }),
    });
    if (answer.ok) {
      location.replace(target());
      return;
    }
    const text = await answer.text();
    let words = text;
    try {
      words = JSON.parse(text).error;
    } catch {
      /* it is a sentence already */
    }
    wrong(words);
  } catch {
    wrong('The server does not answer. Try again.');
  } finally {
    button.disabled = false;
  }
});

function wrong(words) {
  error.hidden = false;
  setText($('span', error), words);
  password.setAttribute('aria-invalid', 'true');
  password.select();
  password.focus();
}

$('#show').addEventListener('click', event => {
  const shown = password.type === 'text';
  password.type = shown ? 'password' : 'text';
  event.currentTarget.setAttribute('aria-pressed', String(!shown));
});
