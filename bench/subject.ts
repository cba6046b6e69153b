/** What every row works on: one kind of job, of a size found in the wild. */
import { DATA, RESULT, decodeHead, encodeHead } from '../src/core/head.ts'
import { readyKey } from '../src/core/ready-key.ts'
import { endOfLease } from '../src/core/lifecycle.ts'
import { encodeData } from '../src/core/payload.ts'

/** 100 bytes as JSON. */
export const data = {
  to: 'ada.lovelace@example.com',
  template: 'welcome',
  subject: 'Hello and welcome to us',
  n: 12345,
}

const ULID = '01JD0000000000000000000000'
const NOW = 1_790_000_000_000

const waiting = {
  name: 'welcome',
  key: readyKey(0, false, NOW, ULID),
  timestamp: NOW,
  fence: NOW,
  opts: {},
  [DATA]: encodeData(data),
}

/** The head as its record has it when the job is done, with its data: what the raw limits write. */
export const doneHead = endOfLease(
  decodeHead(encodeHead(waiting)),
  { startedAt: NOW, worker: 'bench:12345', fence: NOW },
  { kind: 'completed', result: '' },
  { now: NOW + 5, random: 0, maxStalledCount: 3 },
).head

export const headRecord = encodeHead(doneHead)
/** The same as one object, for measuring `JSON.stringify`. */
export const headObject = { ...doneHead, [DATA]: undefined, [RESULT]: undefined, data }

/** A state key of that job, numbered. */
export const indexKey = (n: number): string => `${waiting.key}/emails:${String(n).padStart(26, '0')}`
