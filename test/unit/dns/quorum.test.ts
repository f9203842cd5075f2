import { describe, expect, it } from 'vitest';
import { evaluateQuorum, type TxtObservation } from '../../../src/dns/observation.ts';

const seen = (by: string): TxtObservation => ({ by, kind: 'seen' });
const missing = (by: string, retrySeconds?: number): TxtObservation => ({
  by,
  kind: 'missing',
  saw: 'nothing',
  ...(retrySeconds === undefined ? {} : { retrySeconds }),
});
const inconclusive = (by: string): TxtObservation => ({ by, kind: 'inconclusive', why: 'down' });

describe('a majority', () => {
  it('of two resolvers is both', () => {
    expect(evaluateQuorum([seen('a'), seen('b')], 'majority')).toEqual({ kind: 'visible', seenBy: ['a', 'b'] });
    expect(evaluateQuorum([seen('a'), missing('b')], 'majority')).toEqual({ kind: 'notVisible' });
  });

  it('of three is two', () => {
    expect(evaluateQuorum([seen('a'), missing('b'), seen('c')], 'majority').kind).toBe('visible');
    expect(evaluateQuorum([seen('a'), missing('b'), missing('c')], 'majority').kind).toBe('notVisible');
  });

  it('is of the conclusive answers: a resolver that is down does not block issuance', () => {
    expect(evaluateQuorum([seen('a'), inconclusive('b')], 'majority')).toEqual({ kind: 'visible', seenBy: ['a'] });
    expect(evaluateQuorum([missing('a'), inconclusive('b')], 'majority').kind).toBe('notVisible');
  });

  it('is undecided when no answer is conclusive', () => {
    expect(evaluateQuorum([inconclusive('a'), inconclusive('b')], 'majority')).toEqual({ kind: 'undecided' });
    expect(evaluateQuorum([], 'majority')).toEqual({ kind: 'undecided' });
  });
});

describe('a number', () => {
  it('is needed also when others are inconclusive', () => {
    expect(evaluateQuorum([seen('a'), inconclusive('b')], 2)).toEqual({ kind: 'undecided' });
    expect(evaluateQuorum([seen('a'), missing('b')], 1)).toEqual({ kind: 'visible', seenBy: ['a'] });
  });

  it('above the number of resolvers means all of them', () => {
    expect(evaluateQuorum([seen('a'), seen('b')], 5).kind).toBe('visible');
  });
});

describe('when to look again', () => {
  it('is when just enough of those that miss it have forgotten so', () => {
    expect(evaluateQuorum([missing('a', 60), missing('b', 5), missing('c', 30)], 'majority')).toEqual({
      kind: 'notVisible',
      retrySeconds: 30,
    });
    expect(evaluateQuorum([seen('a'), missing('b', 5), missing('c', 30)], 'majority')).toEqual({
      kind: 'notVisible',
      retrySeconds: 5,
    });
  });
});
