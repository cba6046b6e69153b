/** Mutants that the cases of moves, places and rooms have to catch. */
import { placedKey } from '../../../src/core/evaluate.ts'
import type { Change, Result } from '../../../src/store.ts'
import type { NaiveState } from '../naive-state.ts'
import { soundSteps } from '../plain-store.ts'
import {
  actsOnACopyFromBefore,
  committing,
  hearing,
  inclusive,
  type Mutant,
  type Mutants,
  rooming,
  whole,
  without,
} from './flaws.ts'

/** Two callers who ask for the same at the same time get the same answer. */
const joinsEqualCalls: Mutant = () => {
  const answers = new Map<string, readonly Result[]>()
  return committing(async (_, changes, apply) => {
    const call = JSON.stringify(changes)
    const results = answers.get(call) ?? apply(changes)
    answers.set(call, results)
    queueMicrotask(() => answers.delete(call))
    return results
  })
}

/** Believes that nothing comes below what it has taken. */
const takesOnlyUpwards: Mutant = () => {
  const taken = new Map<string, string>()
  return {
    take: (state, from, limit) => {
      const last = taken.get(from.lane) ?? ''
      const keys = state
        .span(from)
        .filter((key) => key > last)
        .slice(0, limit)
      if (keys.length > 0) taken.set(from.lane, keys.at(-1)!)
      return keys
    },
  }
}

/** Looks at the state once a turn and not once a call. */
const roomOnceATurn: Mutant = () => {
  let looked: NaiveState | undefined
  return {
    room: (state, move, before) => {
      looked ??= state.copy()
      queueMicrotask(() => (looked = undefined))
      return soundSteps.room(looked, move, before)
    },
  }
}

const moving = (alter: (move: NonNullable<Change['move']>) => NonNullable<Change['move']>) =>
  hearing((change) => (change.move === undefined ? change : { ...change, move: alter(change.move) }))

const moveMutants: Mutants = {
  'A move takes the lowest keys of a lane, at most its limit': {
    'takes the highest': { take: (state, from, limit) => state.span(from).slice(-limit) },
    'takes one too many': { room: (state, move, before) => soundSteps.room(state, move, before) + 1 },
    'takes them in another order': { take: (state, from, limit) => state.head(from, limit).toReversed() },
  },
  'A move takes only from its span: from included, until not': {
    'takes from the whole lane': { take: (state, from, limit) => state.head(whole(from), limit) },
    'includes until': { take: (state, from, limit) => state.head(inclusive(from), limit) },
  },
  'A move that finds nothing fails its change': {
    'calls it applied': {
      answer: (results, changes) =>
        results.map((result, index) => (changes[index]!.move ? result || [] : result)),
    },
  },
  'A move short of its limit has exhausted its range': {
    'takes three hundred at most': { take: (state, from, limit) => state.head(from, Math.min(limit, 300)) },
  },
  'A move to no place trims': {
    'does nothing without a place': {
      room: (state, move, before) => (move.to.length === 0 ? 0 : soundSteps.room(state, move, before)),
    },
  },
  'A moved key comes with the record its name names': {
    'looks for the record of the whole key': { record: (state, key) => state.record(key) },
    'gives an empty record as none': {
      record: (state, key, ...rest) => soundSteps.record(state, key, ...rest) || undefined,
    },
  },
  'The record of a moved key is as it was before the own set and delete of its change': {
    'gives the record as after its own set': {
      record: (state, key, change, before) =>
        change.set?.find(([id]) => id === key)?.[1] ?? soundSteps.record(state, key, change, before),
    },
    'gives the record as after its own delete': {
      record: (state, key, change, before) =>
        change.delete?.includes(key) === true ? undefined : soundSteps.record(state, key, change, before),
    },
  },
  'The record of a moved key shows the earlier changes of its call': {
    'gives the record as before the call': {
      record: (_, key, change, before) => soundSteps.record(before, key, change, before),
    },
  },
  'A quiet move does all of it and tells nothing of what it took': {
    'tells it all the same': moving((move) => without(move, 'quiet')),
    'says that nothing moved': {
      answer: (results, changes) =>
        results.map((result, index) => changes[index]!.move?.quiet !== true && result),
    },
    'forgets what else its change does': hearing((change) =>
      change.move?.quiet === true ? { move: change.move } : change,
    ),
  },
  'A move sees the keys that earlier changes added and removed, not those of its own change': {
    'takes what was there before the call': {
      take: (_, from, limit, before) => soundSteps.take(before, from, limit, before),
    },
    'sees its own adds': {
      hear: (changes) =>
        changes.flatMap((change): Change[] =>
          change.move && change.add ? [{ add: change.add }, { ...change, add: [] }] : [change],
        ),
      answer: (results) => results.slice(-3),
    },
  },
  'Moves of one call follow each other: settle, promote and claim': {
    'makes one move per call': {
      follows: (change, results) =>
        change.move === undefined || !results.some((result) => result !== false && result.length > 0),
    },
  },
  'One call may move more than 16 KiB of keys': {
    'takes what fits into a buffer': {
      take: (state, from, limit) => {
        let bytes = 0
        return state.head(from, limit).filter((key) => (bytes += key.length) < 16_384)
      },
    },
  },
  'A moved key whose record is large comes with all of it': {
    'cuts the record at 64 KiB': {
      record: (state, key, ...rest) => soundSteps.record(state, key, ...rest)?.slice(0, 65_536),
    },
  },
  'No two callers get the same key, however many ask at once': {
    'joins equal calls into one': joinsEqualCalls,
    'acts on a copy from before': actsOnACopyFromBefore,
  },
  'A long drain by small moves takes every key once, in order': {
    'skips a key when its head has run empty': {
      take: (state, from, limit) =>
        state.size(from) === 96 ? state.head(from, limit + 1).slice(1) : state.head(from, limit),
    },
  },
  'A key added below the keys already taken is the next one': {
    'takes only upwards': takesOnlyUpwards,
  },
}

const placeMutants: Mutants = {
  'Without drop, prefix and mark a key is placed as it is': {
    'loses a slash at the beginning': { place: (key, place) => placedKey(key.replace(/^\//, ''), place) },
  },
  'prefix is put before the key as it is, with or without a slash': {
    'adds a slash to the prefix': {
      place: (key, { prefix, ...place }) =>
        placedKey(key, prefix === undefined ? place : { ...place, prefix: `${prefix.replace(/\/$/, '')}/` }),
    },
    'ignores the prefix': { place: (key, place) => placedKey(key, without(place, 'prefix')) },
  },
  'drop leaves the first segments of the key behind': {
    'ignores drop': { place: (key, place) => placedKey(key, { ...place, drop: 0 }) },
    'does not count empty segments': {
      place: (key, place) => placedKey(place.drop === undefined ? key : key.replace(/^\/+/, ''), place),
    },
  },
  'The name is never dropped, however short the path': {
    'drops the name': {
      place: (key, { drop = 0, prefix = '' }) => `${prefix}${key.split('/').slice(drop).join('/') || '-'}`,
    },
    'drops from the end of a path that is too short': {
      place: (key, place) => (key.split('/').length <= (place.drop ?? 0) ? key : placedKey(key, place)),
    },
  },
  'mark is put before the name, with a slash': {
    'forgets the slash': {
      place: (key, { mark = '', ...place }) => placedKey(key, place).replace(/[^/]*$/, `${mark}$&`),
    },
    'puts it before the key': {
      place: (key, { mark, ...place }) => `${mark === undefined ? '' : `${mark}/`}${placedKey(key, place)}`,
    },
  },
  'drop, prefix and mark go together': {
    'ignores drop beside a mark': {
      place: (key, place) => placedKey(key, place.mark === undefined ? place : { ...place, drop: 0 }),
    },
  },
  'A move to several places puts every key into each': {
    'fills the first place only': moving((move) => ({ ...move, to: move.to.slice(0, 1) })),
  },
  'A move may place its keys in the lane it takes them from': {
    'loses keys that stay in their lane': moving((move) => ({
      ...move,
      to: move.to.filter(({ lane }) => lane !== move.from.lane),
    })),
  },
  'Keys move out before they are placed: a key may be placed as itself, or as its neighbour': {
    'places before removing': { effects: ['place', 'out', 'remove', 'add', 'append', 'set', 'delete'] },
  },
  'The result names the keys as they were': {
    'names the keys as they are': {
      answer: (results, changes) =>
        results.map((result, index) => {
          const place = changes[index]!.move?.to[0]
          if (result === false || place === undefined) return result
          return result.map(({ key, record }) => ({ key: placedKey(key, place), record }))
        }),
    },
  },
}

const roomMutants: Mutants = {
  'A move takes no more keys than its room holds': {
    'ignores room': { room: (_, { from }) => from.limit },
    'counts only what it takes itself': {
      room: (_, { from, room = [] }) => Math.min(from.limit, ...room.map(([, max]) => max)),
    },
    'takes all or nothing': {
      room: (state, move, before) =>
        soundSteps.room(state, move, before) < move.from.limit ? 0 : move.from.limit,
    },
  },
  'A full room, and one that was overfull before, refuse the change': {
    'always takes one': { room: (state, move, before) => Math.max(1, soundSteps.room(state, move, before)) },
    'takes a room below zero for none': {
      room: (state, move, before) => {
        const room = soundSteps.room(state, move, before)
        return room < 0 ? move.from.limit : room
      },
    },
  },
  'The smallest of several rooms counts': {
    'looks at the first room only': moving((move) => ({ ...move, room: move.room?.slice(0, 1) ?? [] })),
    'looks at the last room only': moving((move) => ({ ...move, room: move.room?.slice(-1) ?? [] })),
  },
  'A room may be a part of a lane': {
    'counts the whole lane': rooming(whole),
    'includes until': rooming(inclusive),
  },
  'Each key taken counts once per span, wherever it is placed': {
    'counts a key once per place': {
      room: (state, move, before) =>
        Math.floor(
          soundSteps.room(state, move, before) / Math.max(1, move.room === undefined ? 1 : move.to.length),
        ),
    },
    'counts only keys placed in the span': moving((move) => ({
      ...move,
      room: move.room?.filter(([{ lane }]) => move.to.some((place) => place.lane === lane)) ?? [],
    })),
  },
  'Room is the size before the change, also where keys move within the span': {
    'counts the keys it takes as gone': {
      room: (state, move, before) => {
        const within = move.room?.some(([{ lane }]) => lane === move.from.lane) === true
        return within ? move.from.limit : soundSteps.room(state, move, before)
      },
    },
  },
  'Room follows the earlier changes of the call, not the own adds of its change': {
    'measures before the call': { room: (_, move, before) => soundSteps.room(before, move, before) },
  },
  'Room larger than the range takes the range': {
    'sends Infinity as JSON does': moving((move) => ({
      ...move,
      room: move.room?.map(([span, max]) => [span, max === Infinity ? 0 : max]) ?? [],
    })),
  },
  'Callers at once do not overfill a room together': {
    'looks at the room once a turn': roomOnceATurn,
  },
}

export const movingMutants: Mutants = { ...moveMutants, ...placeMutants, ...roomMutants }
