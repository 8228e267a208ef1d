/** Stops services of this machine, one after the other, each a step that is shown. */
import type { Service, ServiceManager } from './service.ts'
import type { Step } from './step.ts'

export async function stopServices(
  manager: Pick<ServiceManager, 'stop'>,
  services: readonly Pick<Service, 'name'>[],
  step: Step,
): Promise<void> {
  // By their names: what a service is for is a noun of one and what it does of another.
  for (const { name } of services) await step(`Stop ${name}`, () => manager.stop(name))
}
