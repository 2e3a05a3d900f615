/**
 * Bar charts as SVG, for light and dark backgrounds.
 *
 * @module
 */

import { formatNumber } from "./table.ts";

/** One bar. */
export interface Bar {
  /** Whose it is. */
  readonly label: string;
  /** Its length. */
  readonly value: number;
  /** Whether it stands out. */
  readonly highlight?: boolean;
}

/** Bars that share an axis, from 0 to the greatest value. */
export interface Panel {
  /** What they show, with the unit. */
  readonly title: string;
  /** From top to bottom. */
  readonly bars: readonly Bar[];
}

const WIDTH = 720;
const LABEL_WIDTH = 210;
const VALUE_WIDTH = 90;
const BAR_SPACE = WIDTH - LABEL_WIDTH - VALUE_WIDTH;
const ROW = 26;
const BAR = 16;
const HEADING = 44;
const MARGIN = 16;
const TITLE = 32;

// The colours follow the reader's scheme, also where the picture is included with <img>.
const STYLE = `
text { font: 13px system-ui, sans-serif; fill: #333 }
.title { font-size: 16px; font-weight: 600 }
.heading { font-weight: 600 }
.bar { fill: #9aa5b1 }
.highlight { fill: #0b6bcb }
.axis { stroke: #9aa5b1 }
@media (prefers-color-scheme: dark) {
  text { fill: #ddd }
  .bar { fill: #6b7682 }
  .highlight { fill: #4da3ff }
  .axis { stroke: #6b7682 }
}
`;

/** Draws panels below each other, under a common title. */
export function renderBarChart(title: string, panels: readonly Panel[]): string {
  const parts: string[] = [];
  let top = TITLE;
  for (const panel of panels) {
    parts.push(renderPanel(panel, top));
    top += panelHeight(panel);
  }
  const height = top + MARGIN;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
<title>${escapeText(title)}</title>
<style>${STYLE}</style>
<text class="title" x="${MARGIN}" y="26">${escapeText(title)}</text>
${parts.join("\n")}
</svg>
`;
}

function panelHeight({ bars }: Panel): number {
  return HEADING + bars.length * ROW;
}

function renderPanel(panel: Panel, top: number): string {
  const longest = Math.max(...panel.bars.map(({ value }) => value), Number.MIN_VALUE);
  const rows = panel.bars.map(({ label, value, highlight }, row) => {
    const y = top + HEADING + row * ROW;
    const length = BAR_SPACE * Math.max(value, 0) / longest;
    const middle = y + BAR / 2 + 5;
    return [
      `<text x="${LABEL_WIDTH - 10}" y="${middle}" text-anchor="end">${escapeText(label)}</text>`,
      `<rect class="${highlight ? "highlight" : "bar"}" x="${LABEL_WIDTH}" y="${y}" width="${
        length.toFixed(1)
      }" height="${BAR}" rx="2"/>`,
      `<text x="${(LABEL_WIDTH + length + 8).toFixed(1)}" y="${middle}">${
        formatNumber(value)
      }</text>`,
    ].join("\n");
  });
  const axis = top + HEADING - 6;
  return [
    `<text class="heading" x="${LABEL_WIDTH}" y="${top + 28}">${escapeText(panel.title)}</text>`,
    ...rows,
    `<line class="axis" x1="${LABEL_WIDTH}" x2="${LABEL_WIDTH}" y1="${axis}" y2="${
      top + panelHeight(panel)
    }"/>`,
  ].join("\n");
}

function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
