/** What commands are drawn from: ids, queues, faults, and how often each. */
import * as fc from 'fast-check'
import { type Fault, QUEUES, type QueueNumber, type Real } from './harness.ts'
import { letterId } from './letter-world.ts'
import type { Model } from './model.ts'

export type Command = fc.AsyncCommand<Model, Real>

/** Few ids, so that they meet again; some are hostile. */
const IDS = ['1', '2', '3', 'x:y', '../é', '%2F', 'payload:a', '__proto__'] as const
export const LEASE_MS = [1000, 5000] as const

export const aQueue = fc.constantFrom<QueueNumber>(0, 0, 0, 1)
export const anId = fc.constantFrom(...IDS)
/** Of a job that may have come from the other queue. */
export const aJobId = fc.oneof(
  { weight: 6, arbitrary: anId },
  { weight: 1, arbitrary: fc.constantFrom('a:1', 'a:2', letterId(QUEUES[1], '1')) },
)

/** Most commands go well. */
export const aFault: fc.Arbitrary<Fault | undefined> = fc.oneof(
  { weight: 7, arbitrary: fc.constant(undefined) },
  {
    weight: 1,
    arbitrary: fc.record<Fault>({
      kind: fc.constantFrom('before', 'before', 'after', 'after', 'lost', 'lost', 'double'),
      crash: fc.constantFrom(false, false, false, true),
      call: fc.nat({ max: 1 }),
    }),
  },
)
export const aFaultAtOnce = aFault.map((fault) => fault && { ...fault, call: 0 })

/** The same command several times in a list, so that it is drawn more often. */
export const times = <T>(count: number, one: T): T[] => Array.from({ length: count }, () => one)
