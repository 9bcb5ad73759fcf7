/* SPDX-License-Identifier: MIT */
/* Pictures with what was said about them: the likeliest classes as bars with their spread, and the verdict. */
#include <math.h>
#include <stdint.h>

#include "report/page.h"

/* RFC 4648. */
static void write_base64(struct sps_writer *w, const uint8_t *data, size_t bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes; i += 3) {
        size_t left = bytes - i;
        unsigned word = (unsigned)data[i] << 16 | (left > 1 ? (unsigned)data[i + 1] << 8 : 0) |
                        (left > 2 ? (unsigned)data[i + 2] : 0);
        const char four[4] = {digits[word >> 18], digits[word >> 12 & 63], left > 1 ? digits[word >> 6 & 63] : '=',
                              left > 2 ? digits[word & 63] : '='};
        sps_write_bytes(w, four, 4);
    }
}

static double percent(double share)
{
    return 100 * fmin(fmax(isfinite(share) ? share : 0, 0), 1);
}

static void write_bar(struct sps_writer *w, const struct sps_card_bar *bar)
{
    double low = percent(bar->low), high = percent(bar->high);
    sps_write_raw(w, "<div class=\"row\"><span>");
    sps_write_text(w, bar->name);
    sps_write(w, "</span><span class=\"track\" title=\"%.1f to %.1f %%\"><i style=\"width:%.2f%%\"></i>", low, high,
              percent(bar->value));
    sps_write(w, "<b style=\"left:%.2f%%;width:%.2f%%\"></b></span><span class=\"r\">%.1f %%</span></div>\n", low,
              high - low, percent(bar->value));
}

static void write_element(struct sps_writer *w, const char *classes, const char *text)
{
    if (text == NULL)
        return;
    sps_write(w, "<div class=\"%s\">", classes);
    sps_write_text(w, text);
    sps_write_raw(w, "</div>\n");
}

static void write_card(struct sps_writer *w, const struct sps_card *card)
{
    sps_write_raw(w, "<div class=\"card\"><div class=\"top\"><img alt=\"");
    sps_write_text(w, card->alt);
    sps_write_raw(w, "\" src=\"data:image/png;base64,");
    write_base64(w, card->png, card->png_bytes);
    sps_write_raw(w, "\"/><div>\n");
    write_element(w, "note", card->note);
    sps_write(w, "<div class=\"answer%s\">", card->right > 0 ? " good" : card->right == 0 ? " bad" : "");
    sps_write_text(w, card->title);
    sps_write_raw(w, card->right > 0 ? " \342\234\223" : card->right == 0 ? " \342\234\227" : "");
    sps_write_raw(w, "</div>\n");
    write_element(w, "note", card->facts);
    sps_write_raw(w, "</div></div>\n");
    for (int i = 0; i < card->bar_count; i++)
        write_bar(w, &card->bars[i]);
    write_element(w, card->accepted ? "verdict yes" : "verdict no", card->verdict);
    sps_write_raw(w, "</div>\n");
}

void sps_page_cards(sps_page *page, const struct sps_card *cards, int count)
{
    sps_write_raw(&page->w, "<div class=\"cards\">\n");
    for (int i = 0; i < count; i++)
        write_card(&page->w, &cards[i]);
    sps_write_raw(&page->w, "</div>\n");
}
