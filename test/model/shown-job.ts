/** A job as its records and its state key show it: the head, and all that it owns. */
import { unseal } from '../../src/core/codec.ts'
import { readStory } from '../../src/core/dead-letter.ts'
import { DATA, type Head, RESULT, decodeHead, owns } from '../../src/core/head.ts'
import { keptLogLines } from '../../src/core/job-options.ts'
import { type StateLane, claimOfLease, jobIdOf, partId } from '../../src/core/keys.ts'
import type { Dump } from './dump.ts'

export interface ShownJob {
  readonly id: string
  readonly name: string
  readonly lane: StateLane
  readonly stateKey: string
  readonly head: Head
  readonly claim: string | undefined
  readonly data: string
  readonly result: string
  readonly progress: string
  readonly logs: readonly string[]
  /** The log lines of the job that it was in another queue. */
  readonly originLogs: readonly string[]
}

/** Heads by their records: most are looked at again and again. */
const known = new Map<string, Head>()
const KNOWN_MOST = 1000

export function headOf(record: string): Head {
  let head = known.get(record)
  if (head === undefined) {
    if (known.size === KNOWN_MOST) known.clear()
    head = decodeHead(record)
    known.set(record, head)
  }
  return head
}

/** The job of this name, whose state key is in a lane. */
export const shownJob = (
  dump: Dump,
  name: string,
  head: Head,
  lane: StateLane,
  stateKey: string,
): ShownJob => ({
  id: jobIdOf(name),
  name,
  lane,
  stateKey,
  head,
  ...partsOf(dump, name, head, lane, stateKey),
})

function partsOf({ records }: Dump, name: string, head: Head, lane: StateLane, key: string) {
  const part = (kind: 'payload' | 'result' | 'progress'): string => {
    if (!owns(head, kind)) return ''
    const record = records.get(partId(kind, name))
    if (record === undefined) throw new Error(`${name} owns a ${kind} that is missing`)
    return unseal(record)
  }
  return {
    claim: lane === 'lease' ? claimOfLease(key) : undefined,
    data: head[DATA] ?? part('payload'),
    result: head[RESULT] ?? part('result'),
    progress: part('progress'),
    logs: logsOf(records, name, head),
    originLogs: owns(head, 'origin') ? readStory(records.get(partId('origin', name))!).logs : [],
  }
}

function logsOf(records: ReadonlyMap<string, string>, name: string, head: Head): string[] {
  const counter = records.get(partId('logs', name))
  if (counter === undefined) return []
  const [written = 0, first = 0] = unseal(counter).split(' ').map(Number)
  const most = keptLogLines(head.opts)
  const lines: string[] = []
  for (let line = Math.max(first, written - most); line < written; line++)
    lines.push(unseal(records.get(partId('log', name, line % most))!))
  return lines
}
