/** What a unit is for, told from its changes, so that a fault can be aimed at it. */
import type { Change } from '../../src/store.ts'

type Unit = readonly Change[]

const removesFrom = ({ remove }: Change, lane: string): boolean =>
  remove?.some(([from]) => from.startsWith(lane)) === true

/** Whether it takes jobs, ready ones or suspects. */
export const claims = (unit: Unit): boolean =>
  unit.some(({ move }) => move?.to.some(({ lane }) => lane.startsWith('lease:')) === true)

/** Whether it ends a lease; claims move keys, and renewals touch no lease. */
export const settles = (unit: Unit): boolean => unit.some((change) => removesFrom(change, 'lease:'))

/** Whether it moves a claim's entry to a later time; a verdict moves it elsewhere. */
export const renews = (unit: Unit): boolean =>
  unit.some(
    (change) =>
      removesFrom(change, 'claims:') && change.add?.some(([lane]) => lane.startsWith('claims:')) === true,
  )
