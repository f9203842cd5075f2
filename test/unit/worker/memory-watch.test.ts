import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { watchMemory } from '../../../src/worker/memory-watch.ts';

const MIB = 1024 * 1024;
const MINUTE_MS = 60_000;

describe('the watch of the memory', () => {
  const registry = new Registry();
  const warn = vi.fn();
  let residentMb = 100;
  let stop: () => void;

  const watch = (limit: number | undefined): void => {
    stop = watchMemory({ limit, registry, logger: { warn }, resident: () => residentMb * MIB });
  };
  const pass = (mb: number): void => {
    residentMb = mb;
    vi.advanceTimersByTime(MINUTE_MS);
  };

  beforeEach(() => {
    vi.useFakeTimers();
    registry.clear();
    warn.mockReset();
  });
  afterEach(() => {
    stop();
    vi.useRealTimers();
  });

  it('exposes the limit', async () => {
    watch(512 * MIB);
    expect(await registry.metrics()).toContain(`\ncertman_worker_memory_limit_bytes ${512 * MIB}\n`);
  });

  it('warns once at 85 %, and again only after the memory has gone down to less than 75 %', () => {
    watch(1000 * MIB);
    pass(849);
    expect(warn).not.toHaveBeenCalled();
    pass(851);
    pass(980);
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn).toHaveBeenCalledWith({ residentMb: 851, limitMb: 1000 }, expect.stringContaining('85 %'));
    pass(760);
    pass(900);
    expect(warn).toHaveBeenCalledTimes(1);
    pass(740);
    pass(900);
    expect(warn).toHaveBeenCalledTimes(2);
  });

  it('warns at once of a limit that a worker without a cluster comes near', () => {
    watch(256 * MIB);
    expect(warn).not.toHaveBeenCalled();
    stop();
    registry.clear();
    watch(192 * MIB);
    expect(warn).toHaveBeenCalledExactlyOnceWith({ limitMb: 192 }, expect.stringContaining('192 MiB'));
  });

  it('does nothing without a limit', async () => {
    watch(undefined);
    pass(1_000_000);
    expect(warn).not.toHaveBeenCalled();
    expect(await registry.metrics()).not.toContain('certman_worker_memory_limit_bytes');
  });

  it('ends', () => {
    watch(1000 * MIB);
    stop();
    pass(990);
    expect(warn).not.toHaveBeenCalled();
  });
});
