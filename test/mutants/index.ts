/** Every mutant. */
import { addingMutants } from './adding.ts'
import { batchMutants } from './batches.ts'
import { claimMutants } from './claims.ts'
import { coreMutants } from './core.ts'
import { failureMutants } from './failure.ts'
import { identityMutants } from './identity.ts'
import { judgingMutants } from './judging.ts'
import { ledgerMutants } from './ledger.ts'
import { limitMutants } from './limits.ts'
import { loopMutants } from './loops.ts'
import type { Mutant } from './mutant.ts'
import { scheduleMutants } from './schedules.ts'
import { redisMutants } from './redis.ts'
import { storeMutants } from './stores.ts'
import { wholeQueueMutants } from './whole-queue.ts'

export const mutants: readonly Mutant[] = [
  ...addingMutants,
  ...claimMutants,
  ...coreMutants,
  ...failureMutants,
  ...identityMutants,
  ...judgingMutants,
  ...ledgerMutants,
  ...loopMutants,
  ...limitMutants,
  ...batchMutants,
  ...scheduleMutants,
  ...redisMutants,
  ...storeMutants,
  ...wholeQueueMutants,
]
