/**
 * What a process has used, as Linux tells it.
 *
 * @module
 */

/** What a process has used since it was started, all its threads together. */
export interface ProcessUsage {
  /** Seconds of processor time, in user and in system mode. */
  readonly cpuSeconds: number;
  /** The most memory that was resident at a time, in MB. */
  readonly peakMegabytes: number;
}

/** The kernel reports times in this unit, on every architecture. */
const TICKS_PER_SECOND = 100;

/** Reads the usage of a process; both numbers are `NaN` where there is no `/proc`. */
export async function readUsage(pid: number): Promise<ProcessUsage> {
  const read = (file: string): Promise<string> =>
    Deno.readTextFile(`/proc/${pid}/${file}`).catch(() => "");
  return {
    cpuSeconds: parseCpuSeconds(await read("stat")),
    peakMegabytes: parsePeakMegabytes(await read("status")),
  };
}

/** User and system time of `/proc/PID/stat`. */
export function parseCpuSeconds(stat: string): number {
  // The name in brackets may contain anything, brackets and spaces too.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11] ?? NaN) + Number(fields[12] ?? NaN)) / TICKS_PER_SECOND;
}

/** The high-water mark of `/proc/PID/status`. */
export function parsePeakMegabytes(status: string): number {
  const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1];
  return kilobytes === undefined ? NaN : Number(kilobytes) / 1024;
}
