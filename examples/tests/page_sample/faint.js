(() => {
  const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  const light = (color) => {
    const [red, green, blue] = color.map((part) => linear(part / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const numbers = (text) => (text.match(/[\d.]+/g) ?? []).map(Number);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const rect = at.matches(".bar") ? at.querySelector("rect") : null;
      const [red, green, blue, alpha] = numbers(
        rect ? getComputedStyle(rect).fill : getComputedStyle(at).backgroundColor,
      );
      if (red !== undefined && (alpha ?? 1) > 0.99) return [red, green, blue];
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll("#page *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    // What is yet to come is faint on purpose, and opens no reader's way.
    if (!own || element.closest(".later, :disabled, title, option")) continue;
    if (element.getBoundingClientRect().width === 0) continue;
    const style = getComputedStyle(element);
    const color = numbers(element instanceof SVGElement ? style.fill : style.color).slice(0, 3);
    const [low, high] = [light(color), light(ground(element))].sort((a, b) => a - b);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < 4.5) faint.push(`${contrast.toFixed(2)}: ${element.textContent.slice(0, 30)}`);
  }
  return faint;
})()
