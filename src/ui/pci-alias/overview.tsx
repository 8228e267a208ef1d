/** Which devices an alias stands for. */
import type { PciAlias } from '../../api/pci-alias.ts'
import { Facts } from '../parts/facts.tsx'
import { Time } from '../parts/time.tsx'
import { words } from './text.ts'

export default function PciAliasOverview({ item }: { item: PciAlias }) {
  return (
    <Facts
      facts={[
        [words('vendor'), item.vendor ?? words('any')],
        [words('device'), item.device ?? words('any')],
        [words('class'), item.class ?? words('any')],
        [words('nic'), item.is_nic ? words('nic.yes') : '–'],
        [words('description'), item.description || '–'],
        [words('created'), <Time key="created" at={item.created_at} />],
      ]}
    />
  )
}
