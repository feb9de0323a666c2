// Before the first paint: the colours that were chosen here, if any were.
try {
  const theme =
    new URLSearchParams(location.search).get('theme') || localStorage.getItem('camfan.theme');
  if (theme === 'dark' || theme === 'light') document.documentElement.dataset.theme = theme;
} catch {
  /* no storage here: as the system has it */
}
