/** The witness's judgement, word by word: each wrong that can be said to it is a fault. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Witness } from './witness.ts'

const directory = mkdtempSync(join(tmpdir(), 'holdfast-judgement-'))
afterAll(() => rmSync(directory, { recursive: true }))

function faultsOf(...lines: readonly string[]): readonly string[] {
  const witness = new Witness(join(directory, 'ledger.txt'))
  for (const line of lines) {
    if (line === 'KILL') witness.killed()
    else witness.hear(line)
  }
  return witness.judge(1).faults
}

test('a job that was added, run again after a kill, and completed is innocent', () => {
  expect(
    faultsOf('TRY 1 h', 'ACK 1', 'RUN 1 5 1 h', 'KILL', 'RUN 1 6 1 h', 'DONE 1 6', 'END 1 completed h'),
  ).toEqual([])
})

test('a job whose add was never answered may be there or not', () => {
  expect(faultsOf('TRY 1 h')).toEqual([])
  expect(faultsOf('TRY 1 h', 'RUN 1 5 1 h', 'END 1 completed h')).toEqual([])
})

test.each([
  ['1 was acknowledged and is lost', ['TRY 1 h', 'ACK 1']],
  ['1 was acknowledged and is lost', ['TRY 1 h', 'ACK 1', 'RUN 1 5 1 h', 'DONE 1 5']],
  ['1 ran and was never added', ['RUN 1 5 1 h', 'END 1 completed h']],
  ['1 ran with other data than it was added with', ['TRY 1 h', 'RUN 1 5 1 x', 'END 1 completed h']],
  ['1 ended with other data than it was added with', ['TRY 1 h', 'RUN 1 5 1 h', 'END 1 completed x']],
  ['1 ran with fence 5 after 5', ['TRY 1 h', 'RUN 1 5 1 h', 'RUN 1 5 2 h', 'END 1 completed h']],
  ['1 was done 2 times', ['TRY 1 h', 'RUN 1 5 1 h', 'DONE 1 5', 'DONE 1 5', 'END 1 completed h']],
  ['1 was refused and is completed', ['TRY 1 h', 'NOT 1', 'RUN 1 5 1 h', 'END 1 completed h']],
  ['1 was done and is failed', ['TRY 1 h', 'RUN 1 5 1 h', 'DONE 1 5', 'END 1 failed h']],
  ['1 is completed and never ran', ['TRY 1 h', 'END 1 completed h']],
  ['1 is active although all is drained', ['TRY 1 h', 'END 1 active h']],
  [
    '1 is there twice, failed and completed',
    ['TRY 1 h', 'RUN 1 5 1 h', 'END 1 failed h', 'END 1 completed h'],
  ],
  ['1 runs were repeated by 0 kills', ['TRY 1 h', 'RUN 1 5 1 h', 'RUN 1 6 1 h', 'END 1 completed h']],
  [
    'only 1 of the 2 jobs of bulk 1 are there',
    ['TRY 1.0 h', 'TRY 1.1 h', 'RUN 1.0 5 1 h', 'END 1.0 completed h'],
  ],
  ['verify: a lane is wrong', ['BROKEN a lane is wrong']],
])('it is a fault that %s', (fault, lines) => {
  expect(faultsOf(...lines)).toContain(fault)
})
