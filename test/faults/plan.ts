/** What a store is to do wrong, said beforehand: one fault is one entry, so that a plan that fails can be shrunk. */
import * as fc from 'fast-check'
import type { Change } from '../../src/store.ts'

/**
 * `before`: fails for certain, nothing applied. `after`: applied, the answer lost (unknown). `lost`: not applied, the answer
 * lost (unknown). `ghost`: unknown now, applied `ms` later. `double`: applied twice, the second time `ms` after the first (at
 * once where none are given); the first's answer is given. `delay`: applied `ms` later, then answered. `late`: applied now,
 * answered `ms` later. `hang`: no answer for `ms`, then unknown; not applied.
 */
export const FAULT_KINDS = ['before', 'after', 'lost', 'ghost', 'double', 'delay', 'late', 'hang'] as const
export type FaultKind = (typeof FAULT_KINDS)[number]

export interface Fault {
  /** The nth commit since the plan was armed, from 0. */
  readonly call: number
  readonly kind: FaultKind
  /** Infinity: until the store is healed. */
  readonly ms?: number | undefined
}

/** `read`, `scan`, `count` and `ready` have no unknown. `fail` at once; `delay` answers late; `hang` fails late. */
export const LOOK_FAULT_KINDS = ['fail', 'delay', 'hang'] as const
export type LookFaultKind = (typeof LOOK_FAULT_KINDS)[number]
export type Look = 'ready' | 'read' | 'scan' | 'count'

export interface LookFault {
  /** The nth look since the plan was armed, from 0. */
  readonly call: number
  readonly kind: LookFaultKind
  readonly ms?: number | undefined
}

/** `drop`: it comes when the store is healed, as after any gap. `double`: twice. `storm`: a hundred times. */
export const HINT_FAULTS = ['drop', 'double', 'storm'] as const
export type HintFault = (typeof HINT_FAULTS)[number]

/** A fixed plan, or something that draws the fault of each call as it comes. */
export type Source<Entry extends Fault | LookFault, Asked> =
  | readonly Entry[]
  | ((call: number, asked: Asked) => Omit<Entry, 'call'> | undefined)

export interface FaultPlan {
  readonly commits?: Source<Fault, readonly Change[]> | undefined
  readonly looks?: Source<LookFault, Look> | undefined
  /** One for all hints, or drawn for each. */
  readonly hints?: HintFault | ((hint: number) => HintFault | undefined) | undefined
}

export function faultAt<Entry extends Fault | LookFault, Asked>(
  source: Source<Entry, Asked> | undefined,
  call: number,
  asked: Asked,
): Omit<Entry, 'call'> | undefined {
  return typeof source === 'function' ? source(call, asked) : source?.find((entry) => entry.call === call)
}

/** As a failure prints it. */
export const showFault = ({ call, kind, ms }: Fault | LookFault): string =>
  `${kind}@${call}${ms === undefined ? '' : ` ${ms} ms`}`

export interface PlanBounds {
  /** Commits among which the faults are. */
  readonly calls: number
  readonly faults: number
  readonly kinds?: readonly FaultKind[]
  readonly waits?: readonly number[]
}

/** Plans of faults at different commits; a failing one shrinks to fewer, earlier and simpler faults. */
export const aPlan = ({
  calls,
  faults,
  kinds = FAULT_KINDS,
  waits = [1, 50, 1000, 20_000],
}: PlanBounds): fc.Arbitrary<Fault[]> =>
  fc.uniqueArray(
    fc.record<Fault>({
      call: fc.nat({ max: calls - 1 }),
      kind: fc.constantFrom(...kinds),
      ms: fc.constantFrom(...waits),
    }),
    { selector: ({ call }) => call, maxLength: faults },
  )
