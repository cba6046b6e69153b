/** Aging: waiting so long counts as much as one step of priority, so that nothing waits for ever. */
import { DURATION_MOST } from './bounds.ts'
import { type Check, duration, refuseOption } from './check.ts'

export const agingCheck: Check<number> = duration(1)

/** What a job says of its place in the order. */
interface Place {
  readonly aging?: number | undefined
  readonly priority?: number | undefined
  readonly lifo?: boolean | undefined
}

/** @throws HoldfastError `OPTION_INVALID` where aging does not go with the rest. */
export function refuseAging({ aging, priority = 0, lifo = false }: Place): void {
  if (aging === undefined) return
  if (lifo)
    refuseOption('lifo', lifo, 'left out where aging is given, as waiting would count against the job')
  if (priority * aging > DURATION_MOST)
    refuseOption('aging', aging, `so that priority ${priority} is worth at most ${DURATION_MOST} ms`)
}
