/** Claiming one that is to be run alone, where nothing else runs: in a call of its own before the cycle. */
import { readVisit } from '../ledger/turns.ts'
import { type Claiming, throwRejected } from './claiming.ts'

export async function claimAlone(claiming: Claiming): Promise<void> {
  const { options, suspects, intake, limiter } = claiming
  if (claiming.isStopped || suspects.isRefused || !claiming.isAlone) return
  const { inGroup } = suspects
  const plan = claiming.planOne({ limit: 1, suspect: true, ...inGroup })
  const { hints } = claiming
  suspects.isClaimed = true
  const answers = await claiming.commit(claiming.blocksOf([plan]), 1)
  claiming.vacancy.release(1)
  suspects.isClaimed = false
  const grants = intake.grantsIn(plan, answers[0]!, (results) =>
    inGroup === undefined ? results.at(-1)! : readVisit(results, inGroup.visit).claimed,
  )
  options.start(intake.hold(plan, grants))
  throwRejected(answers)
  options.wake()
  const [answer] = answers
  if (answer![0] === false) return
  // A group that was not as it was seen is visited anew.
  const isChanged = inGroup !== undefined && readVisit(answer!, inGroup.visit).held
  const refused = grants.length === 0 && !isChanged && limiter.isLimited
  suspects.served(refused && hints === claiming.hints)
  if (refused) await limiter.look()
}
