/** Where menus open: below their button's right end, and whole, also on a telephone and with long reasons in them. */
export const menuPlace = {
  position: 'right',
  preventOverflow: true,
  maxWidth: 'min(30rem, calc(100vw - 2rem))',
} as const
