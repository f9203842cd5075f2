import { beforeEach, describe, expect, it } from 'vitest';
import { PollSchedule } from '../../../src/controller/poll-schedule.ts';

let schedule: PollSchedule;
let now: number;
beforeEach(() => {
  schedule = new PollSchedule();
  now = 1_000_000;
});
const add = (...keys: readonly string[]): void => {
  for (const key of keys) schedule.add(key, now);
};
function due(most = 100): readonly string[] {
  const accepted: string[] = [];
  schedule.offerDue(now, (key) => {
    accepted.push(key);
    return accepted.length < most ? 'accepted' : 'full';
  });
  return accepted;
}

describe('a certificate', () => {
  it('that is new is due at once, and until it is answered or postponed', () => {
    add('a');
    expect(due()).toEqual(['a']);
    add('a');
    expect(due()).toEqual(['a']);
  });

  it('that was answered is due again at the given instant', () => {
    add('a');
    schedule.answered('a', now + 60_000);
    now += 59_999;
    expect(due()).toEqual([]);
    now += 1;
    expect(due()).toEqual(['a']);
  });

  it('that was postponed counts as answered only if it was answered before', () => {
    add('a', 'b');
    schedule.answered('a', now + 1);
    schedule.postpone('a', now + 2);
    schedule.postpone('b', now + 2);
    expect(schedule.answeredCount).toBe(1);
    now += 1;
    expect(due()).toEqual([]);
  });

  it('that is no longer in use is forgotten, and due at once if it returns', () => {
    add('a', 'b');
    schedule.answered('a', now + 60_000);
    schedule.delete('a');
    expect(due()).toEqual(['b']);
    expect(schedule.answeredCount).toBe(0);
    now += 1;
    add('a', 'b');
    expect(due()).toEqual(['b', 'a']);
    now += 60_000;
    expect(due()).toEqual(['b', 'a']);
  });

  it('that is found to be no longer in use is forgotten', () => {
    add('a');
    schedule.offerDue(now, () => 'forget');
    expect(due()).toEqual([]);
  });

  it('that went out of use while it was polled stays forgotten', () => {
    add('a');
    schedule.delete('a');
    schedule.answered('a', now + 60_000);
    expect(schedule.answeredCount).toBe(0);
  });

  it('that was replaced is due at once, and no answer about the former one counts', () => {
    schedule.add('a', now, { version: 'first' });
    schedule.answered('a', now + 60_000, { version: 'first' });
    schedule.add('a', now, { version: 'first' });
    expect(due()).toEqual([]);
    schedule.add('a', now, { version: 'second' });
    expect(schedule.answeredCount).toBe(0);
    schedule.answered('a', now + 60_000, { version: 'first' });
    schedule.postpone('a', now + 60_000, { version: 'first' });
    expect(due()).toEqual(['a']);
  });

  it('that is not polled in this round stays due', () => {
    add('a', 'b');
    schedule.offerDue(now, () => 'later');
    expect(due()).toEqual(['a', 'b']);
  });
});

describe('more than can be polled', () => {
  it('are returned longest due first, so that none starves', () => {
    add('a', 'b', 'c');
    schedule.answered('a', now + 300);
    schedule.answered('b', now + 100);
    schedule.answered('c', now + 200);
    now += 1_000;
    add('d');
    expect(due(2)).toEqual(['b', 'c']);
    schedule.answered('b', now + 500);
    schedule.answered('c', now + 500);
    expect(due(2)).toEqual(['a', 'd']);
  });

  it('cost a round nothing while they are not due', () => {
    for (let count = 0; count < 10_000; count += 1) {
      add(String(count));
      schedule.answered(String(count), now + 60_000 + count);
    }
    now += 60_000;
    let offered = 0;
    schedule.offerDue(now, () => {
      offered += 1;
      return 'accepted';
    });
    expect(offered).toBe(1);
  });
});
