/** The form that makes an alias of PCI devices. */
import { routes } from '../api/routes.ts'
import { CreatePage } from '../parts/form.tsx'
import { pciAlias } from './definition.tsx'
import { words } from './text.ts'

export default function CreatePciAlias() {
  return (
    <CreatePage
      noun={pciAlias}
      route={routes['pci-alias'].create}
      initial={{}}
      fields={[
        { name: 'name', title: words('name'), kind: 'text', help: words('name.help') },
        { name: 'vendor', title: words('vendor'), kind: 'text', help: words('vendor.help') },
        { name: 'device', title: words('device'), kind: 'text' },
        { name: 'class', title: words('class'), kind: 'text', help: words('class.help') },
        { name: 'is_nic', title: words('nic'), kind: 'yes', help: words('nic.help') },
        { name: 'description', title: words('description'), kind: 'text' },
      ]}
    />
  )
}
