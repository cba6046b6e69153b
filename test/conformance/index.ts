/**
 * `holdfast/conformance`: one case per promise of the storage contract, as data. A store that passes all of them
 * is a store; there are no flags and no skips. It knows no test runner:
 *
 * ```ts
 * for (const { name, run } of cases) test(name, () => run((name) => openMyStore(name)))
 * ```
 *
 * @module holdfast/conformance
 */
import { appendCases } from './appends.ts'
import { boundCases } from './bounds.ts'
import { clockCases } from './clock.ts'
import { concurrencyCases } from './concurrency.ts'
import { expectationCases } from './expectations.ts'
import { laneCases } from './lanes.ts'
import { moveCases } from './moves.ts'
import { placeCases } from './places.ts'
import { recordCases } from './records.ts'
import { refusalCases } from './refusals.ts'
import { reopeningCases } from './reopening.ts'
import { roomCases } from './room.ts'
import type { Case } from './stage.ts'
import { unitCases } from './units.ts'
import { watchingCases } from './watching.ts'

export type { Case, Open } from './stage.ts'

/** Every case. Each opens stores under names of its own and closes them. */
export const cases: readonly Case[] = [
  ...recordCases,
  ...laneCases,
  ...unitCases,
  ...expectationCases,
  ...moveCases,
  ...placeCases,
  ...roomCases,
  ...appendCases,
  ...refusalCases,
  ...boundCases,
  ...concurrencyCases,
  ...reopeningCases,
  ...watchingCases,
  ...clockCases,
]
