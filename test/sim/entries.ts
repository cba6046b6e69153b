/** Entries of claims: made, moved, judged, gone. */
import { nameOf } from '../../src/core/evaluate.ts'
import { timeOf } from '../../src/core/keys.ts'
import type { Key } from '../../src/store.ts'
import { must } from '../model/invariants.ts'
import type { Rules } from './rules.ts'
import type { Trace } from './trace.ts'

export interface Entry {
  readonly lane: string
  readonly until: number
  readonly by: string
}

const isOfClaims = ([lane]: Key): boolean => lane.startsWith('claims:') || lane.startsWith('reap:')

export class Entries {
  readonly claims = new Map<string, Entry>()
  readonly #trace: Trace
  readonly #rules: Rules

  constructor(trace: Trace, rules: Rules) {
    this.#trace = trace
    this.#rules = rules
  }

  change(by: string, removed: readonly Key[], added: readonly Key[]): void {
    const before = new Map<string, Entry>()
    for (const [, key] of removed.filter(isOfClaims)) {
      const claim = nameOf(key)
      const entry = this.claims.get(claim)
      must(entry !== undefined && entry.until === timeOf(key), `the entry of ${claim} is not where it was`)
      before.set(claim, entry)
      this.claims.delete(claim)
    }
    for (const [lane, key] of added.filter(isOfClaims)) {
      const claim = nameOf(key)
      must(!this.claims.has(claim), `the claim ${claim} has two entries`)
      const old = before.get(claim)
      const kind = lane.slice(0, lane.indexOf(':'))
      const entry: Entry = { lane: kind, until: timeOf(key), by: old?.by ?? by }
      this.#rules.entryMoved(by, claim, old, entry)
      this.claims.set(claim, entry)
      const what = old === undefined ? 'claims' : kind === 'claims' ? 'renews' : 'reaps'
      this.#trace.say(`  ${by} ${what} ${claim} ${entry.until}`)
    }
  }
}
