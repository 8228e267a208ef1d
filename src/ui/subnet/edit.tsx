/** Changes a subnet, from its own page. */
export { EditSubnet as default } from './dialogs.tsx'
