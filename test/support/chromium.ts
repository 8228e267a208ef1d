/**
 * Where tests and benches have their browser from. Chromium without windows of its own is quicker: the whole one, also without a display, loads
 * its address bar and menus (pages as well) for each page anew, which is more than half of what it computes for one of ours.
 */
export const chromium_path = '/usr/bin/chromium-headless-shell'
/** For what only windows have: full screen. */
export const whole_chromium_path = '/usr/bin/chromium'
