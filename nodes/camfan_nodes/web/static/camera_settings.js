// Frame rate and quality of one camera, while it runs.

import { $, api, el, post, toast } from './dom.js';

export async function settings(camera, title = camera) {
  let now;
  try {
    now = await api(`/api/cameras/${encodeURIComponent(camera)}`);
  } catch (error) {
    toast(error.message, { bad: true });
    return;
  }
  const field = (label, name, most, value, step, least = step) =>
    el(
      'label.field',
      {},
      el('span', {}, label),
      el('input.in', {
        name,
        type: 'number',
        min: least,
        max: most,
        step,
        value,
        placeholder: 'as in the site file',
        inputmode: 'decimal',
      }),
    );
  const dialog = el(
    'dialog.dialog',
    { 'aria-labelledby': 'set-title' },
    el('h2', { id: 'set-title' }, `Set ${title}`),
    el(
      'p.soft',
      {},
      'Until the camera starts again; the site file stays as it is. Empty: as in the site file.',
    ),
    el(
      'form.setform',
      { method: 'dialog' },
      field('Frames per second, at most', 'fps', 120, now.set_fps, 'any', 0.0001),
      now.set_quality === null
        ? el(
            'p.soft',
            {},
            'Its pictures pass through as the source makes them, so there is no quality to set.',
          )
        : field('JPEG quality, 1 to 100', 'quality', 100, now.set_quality, 1),
      el(
        'div.row',
        {},
        el('button.btn', { type: 'button', onclick: () => dialog.close() }, 'Keep it'),
        el('button.btn.main', { value: 'set' }, 'Set'),
      ),
    ),
  );
  document.body.append(dialog);
  dialog.addEventListener('close', async () => {
    const form = $('form', dialog),
      number = name => (form.elements[name]?.value ? Number(form.elements[name].value) : null);
    dialog.remove();
    if (dialog.returnValue !== 'set') return;
    try {
      await post(`/api/cameras/${encodeURIComponent(camera)}/settings`, {
        fps: number('fps'),
        quality: number('quality'),
      });
      toast(`${title} was told.`);
    } catch (error) {
      toast(error.message, { bad: true });
    }
  });
  dialog.showModal();
}
