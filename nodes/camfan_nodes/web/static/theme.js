// Before the first paint: the colours that were chosen in this browser.

try {
  const asked = new URLSearchParams(location.search).get('theme');
  const theme = asked || localStorage.getItem('camfan.theme');
  if (theme === 'dark' || theme === 'light') document.documentElement.dataset.theme = theme;
} catch {
  /* no storage: the colours of the system */
}
