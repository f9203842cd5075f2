import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { cacheFolder, executableIn, toolFolder } from '../../../../local/build/cache.ts';
import { lineProgress, type Progress } from '../../../../local/build/progress.ts';
import { TOOLS, type ToolName } from '../../../../local/versions.ts';

type LookUp = (name: ToolName, options: { readonly progress: Progress }) => Promise<string>;

const quiet = lineProgress(() => undefined);
let folder: string;
/** What was found is remembered for the life of a process; each test has a new one. */
let executable: LookUp;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'certman-tools-'));
  vi.stubEnv('CERTMAN_CACHE', join(folder, 'cache'));
  vi.stubEnv('PATH', join(folder, 'bin'));
  vi.resetModules();
  ({ executable } = await import('../../../../local/build/executables.ts'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

async function script(file: string, body: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\n${body}\n`);
  await chmod(file, 0o755);
  return file;
}

describe('an executable is', () => {
  test('the one that the user named, before any other', async () => {
    const given = await script(join(folder, 'mine'), 'exit 0');
    await script(join(folder, 'bin', 'etcd'), `echo "etcd Version: ${TOOLS.etcd.version}"`);
    vi.stubEnv('CERTMAN_LOCAL_ETCD', given);
    expect(await executable('etcd', { progress: quiet })).toBe(given);
  });

  test('the one on the PATH when it is of the version', async () => {
    const found = await script(join(folder, 'bin', 'etcd'), `echo "etcd Version: ${TOOLS.etcd.version}"`);
    expect(await executable('etcd', { progress: quiet })).toBe(found);
  });

  test('the one in the cache when the one on the PATH is of another version', async () => {
    await script(join(folder, 'bin', 'etcd'), 'echo "etcd Version: 3.4.0"');
    const cached = await script(executableIn(toolFolder(TOOLS.etcd), TOOLS.etcd), 'exit 0');
    expect(await executable('etcd', { progress: quiet })).toBe(cached);
  });

  test('built where there is none, and put in place as a whole', async () => {
    // Stands for the compiler: writes the file after -o.
    await script(
      join(folder, 'bin', 'go'),
      'while [ "$1" != -o ]; do shift; done\nprintf "#!/bin/sh\\n" > "$2"; /bin/chmod +x "$2"',
    );
    await script(join(folder, 'bin', 'sh'), 'exec /bin/sh "$@"');
    const lines: string[] = [];
    const built = await executable('pebble', { progress: lineProgress((line) => lines.push(line)) });
    expect(built).toBe(executableIn(toolFolder(TOOLS.pebble), TOOLS.pebble));
    expect(lines[0]).toMatch(/^pebble 2\.\S+: building, this once/);
    expect(lines.at(-1)).toMatch(/^pebble 2\.\S+: done after \d+ s$/);
  });
});

describe('a failure names the tool and what to do', () => {
  test('when what the user named is no executable', async () => {
    vi.stubEnv('CERTMAN_LOCAL_KUBE_APISERVER', '/no/such/file');
    await expect(executable('kube-apiserver', { progress: quiet })).rejects.toThrow(
      /CERTMAN_LOCAL_KUBE_APISERVER is \/no\/such\/file, which is not an executable file[^]*unset it/,
    );
  });

  test('when there is nothing to build it with', async () => {
    await expect(executable('coredns', { progress: quiet })).rejects.toThrow(
      /coredns 1\.\S+ is not in the cache and cannot be built: there is no go on the PATH[^]*Install Go/,
    );
  });

  test('when building fails, with the last lines of the log', async () => {
    await script(join(folder, 'bin', 'go'), 'echo "proxy: connection refused" >&2; exit 1');
    await script(join(folder, 'bin', 'sh'), 'exec /bin/sh "$@"');
    const failing = executable('coredns', { progress: quiet });
    await expect(failing).rejects.toThrow(/Building coredns 1\.\S+ failed: go build ended with code 1/);
    await expect(failing).rejects.toThrow(/proxy: connection refused/);
    // Nothing half-built is taken for the tool the next time.
    await expect(executable('coredns', { progress: quiet })).rejects.toThrow(/Building coredns/);
  });
});

describe('the cache is', () => {
  test('where CERTMAN_CACHE says, else in XDG_CACHE_HOME, else in the home folder', () => {
    expect(cacheFolder({ CERTMAN_CACHE: '/a', XDG_CACHE_HOME: '/b' })).toBe('/a');
    expect(cacheFolder({ XDG_CACHE_HOME: '/b' })).toBe('/b/certman');
    expect(cacheFolder({})).toMatch(/\/\.cache\/certman$/);
  });

  test('by tool and version, and another place for another recipe', () => {
    const folderOfPebble = toolFolder(TOOLS.pebble, '/cache');
    expect(folderOfPebble).toContain(`pebble-${TOOLS.pebble.version}-`);
    const changed = { ...TOOLS.pebble, recipe: { ...TOOLS.pebble.recipe, folder: 'etcd' } };
    expect(toolFolder(changed, '/cache')).not.toBe(folderOfPebble);
  });
});
