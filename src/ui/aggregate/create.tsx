/** The form that makes an aggregate. */
import { routes } from '../api/routes.ts'
import { CreatePage } from '../parts/form.tsx'
import { aggregate } from './definition.tsx'
import { aggregateFields } from './fields.ts'

export default function CreateAggregate() {
  return <CreatePage noun={aggregate} route={routes.aggregate.create} fields={aggregateFields()} />
}
