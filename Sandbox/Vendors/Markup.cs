using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text;

namespace OrleansCrm.Sandbox.Vendors;

/// <summary>HTML that is written out. What stands in the holes of its templates is text and is encoded, always.</summary>
sealed class Markup
{
    readonly StringBuilder _text = new();

    public Markup Add([InterpolatedStringHandlerArgument("")] ref Template template)
    {
        // The template has written itself while it was put together.
        _ = template;
        return this;
    }

    public override string ToString() => _text.ToString();

    [InterpolatedStringHandler]
    public readonly ref struct Template
    {
        readonly StringBuilder _text;

        public Template(int literalLength, int formattedCount, Markup markup)
        {
            _ = (literalLength, formattedCount);
            _text = markup._text;
        }

        public void AppendLiteral(string html) => _text.Append(html);

        public void AppendFormatted(string? text) => _text.Append(WebUtility.HtmlEncode(text));

        public void AppendFormatted(long number) => _text.Append(number.ToString(CultureInfo.InvariantCulture));
    }
}
