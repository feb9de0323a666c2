// Frame rate and quality of one camera, while it runs.

import { $, el } from './dom.js';
import { api, messageOf, post } from './server_api.js';
import { toast } from './toast.js';

const AS_CONFIGURED = 'as in the site file';

/**
 * Asks for the settings in a dialog and sends them.
 * @param {string} camera
 * @param {string} title
 */
export async function openSettings(camera, title = camera) {
  /** @type {Server.CameraInfo} */
  let info;
  try {
    info = await api(`/api/cameras/${encodeURIComponent(camera)}`);
  } catch (error) {
    toast(messageOf(error), { bad: true });
    return;
  }
  const dialog = settingsDialog(info, title);
  document.body.append(dialog);
  dialog.addEventListener('close', async () => {
    dialog.remove();
    if (dialog.returnValue === 'set') await send(camera, title, $('form', dialog));
  });
  dialog.showModal();
}

/**
 * @param {string} camera
 * @param {string} title
 * @param {HTMLFormElement} form
 */
async function send(camera, title, form) {
  const values = new FormData(form);
  const number = (/** @type {string} */ name) =>
    values.get(name) ? Number(values.get(name)) : null;
  /** @type {Server.Settings} */
  const settings = { fps: number('fps'), quality: number('quality') };
  try {
    await post(`/api/cameras/${encodeURIComponent(camera)}/settings`, settings);
    toast(`The settings were sent to ${title}.`);
  } catch (error) {
    toast(messageOf(error), { bad: true });
  }
}

/**
 * @param {Server.CameraInfo} info
 * @param {string} title
 */
function settingsDialog(info, title) {
  const quality =
    info.set_quality === null
      ? el('p.soft', {}, 'This camera sends the JPEGs of its source, so it has no quality to set.')
      : field(
          'JPEG quality, 1 to 100',
          { name: 'quality', max: 100, min: 1, step: 1 },
          info.set_quality,
        );
  const dialog = /** @type {HTMLDialogElement} */ (
    el(
      'dialog.dialog',
      { 'aria-labelledby': 'set-title' },
      el('h2', { id: 'set-title' }, `Set ${title}`),
      el(
        'p.soft',
        {},
        `Until the camera starts again; the site file does not change. Empty: ${AS_CONFIGURED}.`,
      ),
      el(
        'form.setform',
        { method: 'dialog' },
        field(
          'Frames per second, at most',
          { name: 'fps', max: 120, min: 0.0001, step: 'any' },
          info.set_fps,
        ),
        quality,
        el(
          'div.row',
          {},
          el('button.btn', { type: 'button', onclick: () => dialog.close() }, 'Cancel'),
          el('button.btn.main', { value: 'set' }, 'Set'),
        ),
      ),
    )
  );
  return dialog;
}

/**
 * @param {string} label
 * @param {{ name: string, min: number, max: number, step: number | string }} limits
 * @param {number | null} value
 */
function field(label, limits, value) {
  const attributes = { type: 'number', inputmode: 'decimal', placeholder: AS_CONFIGURED, value };
  return el('label.field', {}, el('span', {}, label), el('input.in', { ...limits, ...attributes }));
}
