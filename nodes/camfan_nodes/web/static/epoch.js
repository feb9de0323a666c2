// The time of this machine, as ms since 1970 that never go back. Pages and workers agree on it.

export const epoch = () => performance.timeOrigin + performance.now();
